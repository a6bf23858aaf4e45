/**
 * Where everything of the chart stands, in pixels: a pure function of the state and the size.
 *
 * x counts the tokens of a thought from 0 to the most that are granted. What the height says depends on the answers: a
 * few short ones have a lane each (`lanes.js`); many, or whole sentences, stand at how much they agree
 * (`agreement.js`).
 */

import { agreement } from "./agreement.js";
import { best, spells } from "./answers.js";
import { ofEach, thoughts } from "./each.js";
import { lanes } from "./lanes.js";
import { linear, ticks } from "./scales.js";
import { isRunning } from "./state.js";

const TOP = 30;
const BOTTOM = 46;
const RIGHT = 20;
const TICK_PX = 72;
const LANE_PX = 30;
/** An answer this long is told in words and not in a name of a lane. */
const WORDY = 40;

/**
 * @returns a plain object of numbers and strings; `chart.js` draws it. `named`: whether each answer's name stands in it
 */
export function scene(state, width, height) {
  const answers = spells(state);
  const last = best(state);
  const each = ofEach(state);
  const granted = Math.max(1, each.granted);
  const { spent } = each;
  const plot = { width, right: width - RIGHT, top: TOP, bottom: height - BOTTOM, granted, spent };
  const view = inLanes(answers, last, plot) ? lanes : agreement;
  const { left, ...drawn } = view(answers, last, plot);
  const frame = { ...plot, left };
  const x = linear(0, granted, left, frame.right);
  const ended = state.document !== null || state.phase === "answering";
  return {
    frame,
    granted,
    spent,
    several: thoughts(state) > 1,
    spentX: x(spent),
    ended,
    live: isRunning(state) && !ended,
    xTicks: state.budget ? ticks(granted, (frame.right - left) / TICK_PX).map((at) => ({ at, x: x(at) })) : [],
    planned: state.planned.map((at) => x(at)),
    ...drawn,
  };
}

function inLanes(answers, last, { top, bottom }) {
  const names = new Set([...answers.map(({ words }) => words), ...(last ? [last.words] : [])]);
  const wordy = [...names].filter((name) => name.length > WORDY).length;
  return names.size <= Math.floor((bottom - top) / LANE_PX) && (names.size < 2 || wordy <= names.size / 2);
}

/** The point nearest to a place on the x axis. */
export function nearest(points, px) {
  return points.reduce(
    (found, point) => (Math.abs(point.x - px) < Math.abs((found?.x ?? Infinity) - px) ? point : found),
    null,
  );
}
