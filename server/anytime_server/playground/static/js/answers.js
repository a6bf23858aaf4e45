/** What a state says about its answers: which stand for how long, the best one, and its colour. Pure functions. */

import { ofEach } from "./each.js";
import { NEUTRAL, look } from "./palette.js";
import { plain } from "./tex.js";

/** The words of an answer: its value, or else its text. */
export const words = (answer) => plain((answer.value ?? answer.answer ?? answer.text ?? "").trim()) || "no answer";

/**
 * The interim answers as spells: checkpoints in a row with the same answer.
 *
 * The server knows best which answers are the same (`stable_for` grows), but counts anew after an extension.
 * A spell lasts until the next one begins; the last, as far as the thinking has come.
 *
 * @returns {{words: string, colour: string, from: number, to: number, points: object[]}[]}
 */
export function spells(state) {
  const found = [];
  const colours = new Map();
  for (const point of state.checkpoints) {
    const current = found.at(-1);
    if (current && (point.stable_for > 1 || words(point) === current.words)) {
      current.points.push(point);
      if (!colours.has(words(point))) colours.set(words(point), current.colour);
      continue;
    }
    if (current) current.to = point.at;
    found.push({
      words: words(point),
      colour: colourIn(colours, point),
      from: point.at,
      to: point.at,
      points: [point],
    });
  }
  if (found.length > 0) found.at(-1).to = Math.max(found.at(-1).points.at(-1).at, ofEach(state).spent);
  return found;
}

/**
 * The best answer so far: the final one once there is one, else the newest interim answer.
 *
 * @returns {{words: string, confidence: number|null, colour: string, since: number|null, final: boolean}|null}
 */
export function best(state) {
  const standing = spells(state);
  const last = standing.at(-1);
  const answer = state.document?.answer;
  if (state.document?.status === "completed" && answer) {
    const same = last && (words(answer) === last.words || words(answer) === words(last.points.at(-1)));
    const valued = standing.filter((spell) => spell.colour !== NEUTRAL);
    const colours = new Map(valued.flatMap(({ points, colour }) => points.map((point) => [words(point), colour])));
    return {
      words: words(answer),
      confidence: answer.confidence,
      colour: same ? last.colour : colourIn(colours, answer),
      since: same ? last.from : null,
      final: true,
    };
  }
  if (!last) return null;
  return {
    words: last.words,
    confidence: last.points.at(-1).confidence,
    colour: last.colour,
    since: last.from,
    final: false,
  };
}

/** A value keeps its colour when it comes back, and no other value has it. */
function colourIn(colours, answer) {
  const key = words(answer);
  if (answer.value === null) return NEUTRAL;
  if (!colours.has(key)) colours.set(key, look(new Set(colours.values()).size));
  return colours.get(key);
}
