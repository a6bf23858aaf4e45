/** The chart's equivalent as a table. */

import { spells, words } from "./answers.js";
import { element } from "./dom.js";
import { swatch } from "./legend.js";
import { percent, duration } from "./phrases.js";

/** @param {HTMLElement} body the table's body; only what is new is rendered while a session goes on */
export function createTable(body) {
  let shown = [];
  return (state) => {
    if (state.checkpoints === shown) return;
    shown = state.checkpoints;
    body.closest("details").hidden = shown.length === 0;
    body.replaceChildren(
      ...spells(state).flatMap((spell) => spell.points.map((point, index) => row(spell, point, index))),
    );
  };
}

function row(spell, point, index) {
  return element(
    "tr",
    { class: spell.colour },
    element("th", { scope: "row" }, point.at.toLocaleString("en")),
    element("td", {}, swatch(spell.colour), words(point)),
    element("td", {}, percent(point.confidence)),
    element("td", {}, `${point.votes} of ${point.samples}`),
    element("td", {}, index === 0 ? "new" : String(index + 1)),
    element("td", {}, duration(point.elapsed_ms)),
  );
}
