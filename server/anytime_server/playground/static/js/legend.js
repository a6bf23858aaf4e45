/** Which look stands for which answer, where the chart has no room to write all of them. */

import { spells } from "./answers.js";
import { element, svg } from "./dom.js";
import { marker } from "./palette.js";

const MOST = 60;
const SIZE = 14;

/** @param {HTMLElement} list takes the entries; only what is new is rendered while a session goes on */
export function createLegend(list) {
  let shown = [];
  return (state) => {
    if (state.checkpoints === shown) return;
    shown = state.checkpoints;
    const answers = [...new Map(spells(state).map(({ words, colour }) => [words, colour]))];
    const more = answers.length - MOST;
    list.replaceChildren(
      ...answers.slice(0, MOST).map(entry),
      ...(more > 0 ? [element("li", { class: "more-answers" }, `and ${more} more in the table`)] : []),
    );
  };
}

function entry([words, colour]) {
  return element("li", { class: colour }, swatch(colour), element("span", {}, words));
}

/** A marker as it stands in the chart. */
export function swatch(colour) {
  return svg(
    "svg",
    { class: "swatch", width: SIZE, height: SIZE, viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" },
    svg("path", { d: marker(colour, SIZE / 2, SIZE / 2, 4.5) }),
  );
}
