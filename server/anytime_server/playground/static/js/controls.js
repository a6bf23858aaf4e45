/**
 * The settings of a request that are one number each: which control sets which field, and how the page says it.
 *
 * A control's bounds are its `min` and `max`; `data-whole` keeps it to whole numbers. An empty control leaves its field
 * to the server. A new setting is one line here, and its control in a group of the form.
 */

import { byId } from "./dom.js";

const count = (value) => value.toLocaleString("en");

const PERCENT = 0.01;

/**
 * path: of the field in the request. factor: what the control counts in, in units of the field. plain: the value that
 * needs no field. said: the setting in the line of its folded group.
 */
const SETTINGS = [
  { id: "budget", path: ["budget"] },
  { id: "stable", path: ["stop_when", "stable"], said: (value) => `${value} in a row` },
  { id: "confidence", path: ["stop_when", "confidence"], factor: PERCENT, said: (value) => `${value}% sure` },
  { id: "risk", path: ["stop_when", "risk"], factor: PERCENT, said: (value) => `${value}% wrong` },
  { id: "deadline", path: ["deadline_ms"], factor: 1000, said: (value) => `${count(value)} s` },
  { id: "trunks", path: ["trunks"], plain: 1, said: (value) => `${value} thoughts` },
  { id: "consensus", path: ["stop_when", "consensus"], factor: PERCENT, said: (value) => `${value}% agreed` },
  { id: "samples", path: ["interim", "samples"], plain: 1, said: (value) => `${value} votes` },
  { id: "temperature", path: ["temperature"], said: (value) => `temperature ${value}` },
  { id: "seed", path: ["seed"], said: (value) => `seed ${value}` },
];

const numberIn = (id) => byId(id).valueAsNumber;
const isSet = ({ id, plain }) => !Number.isNaN(numberIn(id)) && numberIn(id) !== plain;

/** Without the digits that are an error of floating point. */
const exact = (value) => Number(value.toPrecision(12));

/** A number in units of its field: those that are finer than the control's are whole. */
const converted = (value, factor = 1) => (factor > 1 ? Math.round(value * factor) : exact(value * factor));

/** The fields that the controls set. */
export function readSettings() {
  const fields = {};
  for (const setting of SETTINGS.filter(isSet)) {
    const [name, inner] = setting.path;
    const value = converted(numberIn(setting.id), setting.factor);
    fields[name] = inner === undefined ? value : { ...fields[name], [inner]: value };
  }
  return fields;
}

/** Set the controls as a request has them; its budget only if it names one. */
export function writeSettings(request) {
  for (const { id, path, factor = 1 } of SETTINGS) {
    const value = path.reduce((inner, name) => inner?.[name], request);
    if (value !== undefined || id !== "budget") byId(id).value = value === undefined ? "" : exact(value / factor);
  }
}

/** The control that sets a field, as an error of the API names it; null if the page has none. */
export function controlOf(param) {
  const found = SETTINGS.find(({ path }) => path.join(".") === param || path[0] === param);
  return found?.id ?? OTHERS[param] ?? OTHERS[param.split(".")[0]] ?? null;
}

const OTHERS = {
  prompt: "question",
  messages: "question",
  checkpoints: "checkpoint-number",
  "interim.temperature": "temperature",
  interim: "samples",
  stop_when: "stable",
  prune: "trunks",
};

/** What the controls of a group are set to, in a few words. */
export function inForce(group) {
  const set = SETTINGS.filter((setting) => setting.said && group.contains(byId(setting.id)) && isSet(setting));
  return set.map(({ id, said }) => said(numberIn(id)));
}

/** What is wrong with a number that was typed, in our words; null if nothing is. */
export function fault(input) {
  if (input.validity.badInput) return "Write a number.";
  if (input.value === "") return input.required ? bounds(input) : null;
  const { valueAsNumber: value, min, max } = input;
  const outside = (min !== "" && value < Number(min)) || (max !== "" && value > Number(max));
  return outside || ("whole" in input.dataset && !Number.isInteger(value)) ? bounds(input) : null;
}

function bounds({ min, max, dataset }) {
  const kind = "whole" in dataset ? "a whole number" : "a number";
  return `Choose ${kind} from ${count(Number(min))} to ${count(Number(max))}.`;
}
