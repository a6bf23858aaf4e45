/** Where everything of the chart stands, in pixels: a pure function of the state and the size. */

import { best, spells } from "./answers.js";
import { linear, ticks } from "./scales.js";
import { isRunning } from "./state.js";

const MARGIN = { top: 26, right: 20, bottom: 30, left: 46 };
const LABEL_PX = 9;
const LABEL_ROOM = 26;
const TICK_PX = 72;

/**
 * x counts thinking tokens from 0 to the granted budget, y is confidence.
 *
 * @returns a plain object of numbers and strings; `chart.js` draws it. `named`: whether each answer's name stands in it
 */
export function geometry(state, width, height) {
  const frame = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const granted = Math.max(1, state.budget?.granted ?? 1);
  const spent = state.budget?.spent ?? 0;
  const x = linear(0, granted, frame.left, frame.right);
  const y = linear(0, 1, frame.bottom, frame.top);
  const ended = state.document !== null || state.phase === "answering";
  const standing = spells(state);
  const bands = standing.map((spell) => band(spell, x, y, frame));
  const named = new Set(bands.filter(({ label, words }) => label === words).map(({ words }) => words));
  return {
    frame,
    granted,
    spentX: x(spent),
    spent,
    ended,
    live: isRunning(state) && !ended,
    xTicks: state.budget ? ticks(granted, (frame.right - frame.left) / TICK_PX).map((at) => ({ at, x: x(at) })) : [],
    yTicks: [0, 0.5, 1].map((confidence) => ({ confidence, y: y(confidence) })),
    planned: state.planned.map((at) => x(at)),
    bands,
    named: bands.every(({ words }) => named.has(words)),
    points: standing.flatMap((spell) =>
      spell.points.map((point, index) => ({
        at: point.at,
        x: x(point.at),
        y: y(point.confidence),
        colour: spell.colour,
        change: index === 0,
      })),
    ),
    final: finalPoint(state, x, y),
  };
}

/** The step line of a spell, the area under it, and the answer's name where there is room for it. */
function band({ words, colour, from, to, points }, x, y, { bottom }) {
  const ends = [...points.slice(1).map((point) => point.at), to];
  const line = points
    .map((point, index) => `${index ? "L" : "M"}${x(point.at)},${y(point.confidence)}H${x(ends[index])}`)
    .join("");
  const room = x(to) - x(from) - 14;
  const top = y(points[0].confidence);
  const inside = bottom - top > LABEL_ROOM;
  return {
    words,
    colour,
    line,
    area: `${line}V${bottom}H${x(from)}Z`,
    label: shorten(words, Math.floor(room / LABEL_PX)),
    labelX: x(from) + 9,
    labelY: inside ? top + 24 : top - 10,
  };
}

function shorten(text, most) {
  if (text.length <= most) return text;
  return most < 3 ? "" : `${text.slice(0, most - 1)}…`;
}

function finalPoint(state, x, y) {
  const answer = best(state);
  if (!answer?.final || answer.confidence === null) return null;
  // An answer that no interim answer gave has no band to be named in.
  const label = answer.since === null ? shorten(answer.words, 14) : "";
  return { x: x(state.budget.spent), y: y(answer.confidence), colour: answer.colour, label };
}

/** The checkpoint nearest to a place on the x axis. */
export function nearest(points, px) {
  return points.reduce(
    (found, point) => (Math.abs(point.x - px) < Math.abs((found?.x ?? Infinity) - px) ? point : found),
    null,
  );
}
