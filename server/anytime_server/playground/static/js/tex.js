/** TeX as plain text, for the places where a formula can't be set: labels, marks, lists, the title. */

const GROUP = "\\{((?:[^{}]|\\{[^{}]*\\})*)\\}";
const SYMBOLS = {
  pi: "π",
  theta: "θ",
  alpha: "α",
  beta: "β",
  infty: "∞",
  cdot: "·",
  times: "×",
  pm: "±",
  le: "≤",
  leq: "≤",
  ge: "≥",
  geq: "≥",
  ne: "≠",
  neq: "≠",
  cup: "∪",
  cap: "∩",
  circ: "°",
};

const RULES = [
  [/\\[dt]?frac/g, "\\frac"],
  [new RegExp(`\\\\frac\\s*${GROUP}\\s*${GROUP}`, "g"), (_, over, under) => `${term(over)}/${term(under)}`],
  [/\\frac\s*(\d)\s*(\d)/g, "$1/$2"],
  [new RegExp(`\\\\sqrt\\s*${GROUP}`, "g"), (_, under) => `√${term(under)}`],
  [new RegExp(`\\\\(?:text|mathrm|mathbf|textbf|operatorname|boxed)\\s*${GROUP}`, "g"), "$1"],
  [/\\(?:left|right|displaystyle)(?![a-zA-Z])|\\[,;:! ]|\$/g, ""],
  [/\^\s*\{?\\circ\}?/g, "°"],
  [/\\([a-zA-Z]+)/g, (raw, name) => SYMBOLS[name] ?? raw],
];

/** @param {string} text that may hold TeX; anything else stays as it is */
export function plain(text) {
  if (!/[\\$]/.test(text)) return text;
  return RULES.reduce((told, [pattern, by]) => told.replace(pattern, by), text).trim();
}

/** A part that is more than one sign or number needs its brackets once it stands in a line. */
const term = (part) => (/^\s*(?:[\w.]+|\\[a-z]+)\s*$/i.test(part) ? part.trim() : `(${part.trim()})`);
