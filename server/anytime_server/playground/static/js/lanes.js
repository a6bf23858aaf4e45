/**
 * The chart's view of a few answers: a lane for each, the newest on top, so that an answer which sharpens climbs, and one
 * that goes back to an earlier answer goes down again. The ribbon in a lane is as thick as the model is sure. Pure.
 */

import { NEUTRAL } from "./palette.js";
import { shorten } from "./phrases.js";
import { linear } from "./scales.js";

const READING = "Each answer has a lane, thicker where the model is surer";
const NAME_PX = 9.2;
const NAME_GAP = 16;
const LEAST_LEFT = 34;
const MOST_NAME_SHARE = 0.3;
/** So much of a lane's height is its ribbon, at most; and at least so many pixels. */
const RIBBON_SHARE = 0.62;
const LEAST_RIBBON = 3;
const TALLEST_LANE = 64;

export function lanes(answers, last, { width, right, top, bottom, granted, spent }) {
  const order = laneOrder(last?.final ? [...answers, last] : answers);
  const longest = Math.max(0, ...order.map(({ words }) => words.length));
  const room = Math.min(longest, Math.floor((width * MOST_NAME_SHARE - NAME_GAP) / NAME_PX));
  const left = Math.max(LEAST_LEFT, room * NAME_PX + NAME_GAP);
  const tall = Math.min(TALLEST_LANE, (bottom - top) / Math.max(1, order.length));
  const places = new Map(order.map((answer, index) => [laneOf(answer), bottom - tall * (index + 0.5)]));
  const x = linear(0, granted, left, right);
  const half = linear(0, 1, LEAST_RIBBON / 2, (tall * RIBBON_SHARE) / 2);
  const placed = answers.map((spell) => ({ ...spell, y: places.get(laneOf(spell)) }));
  return {
    left,
    reading: answers.length > 0 ? READING : "",
    yTitle: order.length > 0 ? "Answer" : "",
    yTicks: [],
    lanes: order.map((answer) => ({
      y: places.get(laneOf(answer)),
      tall,
      colour: answer.colour,
      label: shorten(answer.words, room),
      best: last !== null && laneOf(answer) === laneOf(last),
    })),
    bands: placed.map((spell) => ({ colour: spell.colour, area: ribbon(spell, x, half) })),
    joins: joins(placed, x),
    named: order.every(({ words }) => words.length <= room),
    points: placed.flatMap(({ y, colour, points }) =>
      points.map((point, index) => ({ at: point.at, x: x(point.at), y, colour, change: index === 0 })),
    ),
    final: last?.final ? { x: x(spent), y: places.get(laneOf(last)), colour: last.colour, label: "" } : null,
  };
}

/** What the server holds equal has a colour in common, whatever its words. */
const laneOf = ({ words, colour }) => (colour === NEUTRAL ? words : colour);

function laneOrder(answers) {
  const first = new Map();
  for (const answer of answers) if (!first.has(laneOf(answer))) first.set(laneOf(answer), answer);
  return [...first.values()];
}

/** The outline of a spell: its confidence at each point, drawn out to the next, and level after the last. */
function ribbon({ y, to, points }, x, half) {
  const edge = points.map(({ at, confidence }) => [x(at), half(confidence)]);
  edge.push([x(to), edge.at(-1)[1]]);
  const above = edge.map(([px, thick]) => `${px},${y - thick}`);
  const below = edge.map(([px, thick]) => `${px},${y + thick}`).reverse();
  return `M${[...above, ...below].join("L")}Z`;
}

/** The steps from an answer to the next. */
function joins(placed, x) {
  return placed.slice(1).map(({ from, y }, index) => `M${x(from)},${placed[index].y}V${y}`);
}
