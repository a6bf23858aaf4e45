/**
 * What tells answers apart: a colour each, and a shape and a stroke for every eight of them. Pure functions, but for the
 * style sheet that gives the colours their names.
 *
 * The first eight colours are chosen by hand (`theme.css`). The others are made: hues a golden angle apart never come
 * again, each eight of them at a lightness of their own. On the page's paper, light or dark, all have the contrast that
 * text needs.
 */

const CHOSEN = 8;
const MOST = 512;
const GOLDEN_ANGLE = 137.508;
const FIRST_HUE = 324;

/** Lightness and chroma (OKLCH) of each eight, on light and on dark paper. */
const TIERS = [
  { light: "0.39 0.1", dark: "0.68 0.12" },
  { light: "0.3 0.1", dark: "0.73 0.14" },
  { light: "0.505 0.08", dark: "0.88 0.12" },
];

const SHAPES = [
  circle,
  polygon([-1, -1], [1, -1], [1, 1], [-1, 1]),
  polygon([0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]),
  polygon([0, -1.4], [1.35, 1], [-1.35, 1]),
  polygon([0, 1.4], [1.35, -1], [-1.35, -1]),
  polygon([-0.7, -1.2], [0.7, -1.2], [1.4, 0], [0.7, 1.2], [-0.7, 1.2], [-1.4, 0]),
  polygon([-1.4, 0], [1, -1.35], [1, 1.35]),
  polygon([1.4, 0], [-1, -1.35], [-1, 1.35]),
];

const STROKES = [null, "7 3", "2 3", "9 3 2 3"];

/** The name of an answer without a value: there is nothing that it could be told apart by. */
export const NEUTRAL = "cx";

/** The name of the look of the n-th different answer, a class of the page's styles. */
export const look = (n) => `c${n % MOST}`;

const place = (name) => (name === NEUTRAL ? 0 : Math.floor(Number(name.slice(1)) / CHOSEN));

/** The dashes of a line, as SVG wants them; null: solid. */
export const dashes = (name) => STROKES[place(name) % STROKES.length];

/** The outline of a marker, as the `d` of an SVG path. */
export const marker = (name, x, y, radius) => SHAPES[place(name) % SHAPES.length](x, y, radius);

/** Give the colours that are made their names. */
export function installColours() {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(Array.from({ length: MOST - CHOSEN }, (_, index) => rule(index + CHOSEN)).join("\n"));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

function rule(n) {
  const { light, dark } = TIERS[(Math.floor(n / CHOSEN) - 1) % TIERS.length];
  const hue = ((FIRST_HUE + n * GOLDEN_ANGLE) % 360).toFixed(2);
  return `.${look(n)} { --answer: light-dark(oklch(${light} ${hue}), oklch(${dark} ${hue})); }`;
}

function circle(x, y, r) {
  return `M${x - r},${y}a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
}

function polygon(...corners) {
  return (x, y, r) => `M${corners.map(([dx, dy]) => `${x + dx * r * 0.9},${y + dy * r * 0.9}`).join("L")}Z`;
}
