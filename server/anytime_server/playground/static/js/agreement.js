/**
 * The chart's view of many answers, or of whole sentences: how high an answer stands says how much there is agreement
 * on it. Pure.
 */

import { kept } from "./overlap.js";
import { percent, shorten } from "./phrases.js";
import { linear } from "./scales.js";

const LEFT = 46;
const LABEL_PX = 9;
const LABEL_ROOM = 26;
const WORDY = 40;

/** What the height may say: the first that suits the answers. Sentences are `nameless`: the legend tells them. */
const MEASURES = [
  {
    title: "Votes that agree",
    reading: "Higher means that more votes agree on the answer",
    suits: (points) => points.some(({ samples }) => samples > 1),
    of: ({ votes, samples }) => votes / samples,
  },
  {
    title: "Words kept",
    reading: "Higher means that an answer shares more words with the one before",
    suits: (points) => points.some((point) => text(point).length > WORDY),
    nameless: true,
    of: (point, before) => (before ? kept(text(before), text(point)) : 0),
  },
  {
    title: "Confidence",
    reading: "Higher means that the model is surer of the answer",
    suits: () => true,
    of: ({ confidence }) => confidence,
  },
];

const text = ({ value, answer }) => value ?? answer ?? "";

export function agreement(answers, last, { right, top, bottom, granted, spent }) {
  const points = answers.flatMap((spell) => spell.points);
  const measure = MEASURES.find(({ suits }) => suits(points));
  const height = new Map(points.map((point, index) => [point, measure.of(point, points[index - 1])]));
  const x = linear(0, granted, LEFT, right);
  const y = linear(0, 1, bottom, top);
  const bands = answers.map((spell) => band(spell, x, (point) => y(height.get(point)), bottom, measure.nameless));
  const standing = new Set(bands.filter(({ label, words }) => label === words).map(({ words }) => words));
  return {
    left: LEFT,
    reading: measure.reading,
    yTitle: measure.title,
    yTicks: [0, 0.5, 1].map((share) => ({ text: percent(share), y: y(share) })),
    lanes: [],
    bands,
    joins: [],
    named: bands.every(({ words }) => standing.has(words)),
    points: answers.flatMap(({ colour, points }) =>
      points.map((point, index) => ({
        at: point.at,
        x: x(point.at),
        y: y(height.get(point)),
        colour,
        change: index === 0,
      })),
    ),
    final: last?.final ? finalPoint(last, x(spent), y(height.get(points.at(-1)) ?? 1), measure.nameless) : null,
  };
}

/** The step line of a spell, the area under it, and the answer's name where there is room for it. */
function band({ words, colour, from, to, points }, x, y, bottom, nameless) {
  const ends = [...points.slice(1).map((point) => point.at), to];
  const line = points
    .map((point, index) => `${index ? "L" : "M"}${x(point.at)},${y(point)}H${x(ends[index])}`)
    .join("");
  const top = y(points[0]);
  return {
    words,
    colour,
    line,
    area: `${line}V${bottom}H${x(from)}Z`,
    label: nameless ? "" : shorten(words, Math.floor((x(to) - x(from) - 14) / LABEL_PX)),
    labelX: x(from) + 9,
    labelY: bottom - top > LABEL_ROOM ? top + 24 : top - 10,
  };
}

/** An answer that no interim answer gave has no band to be named in. */
const finalPoint = ({ words, colour, since }, x, y, nameless) => ({
  x,
  y,
  colour,
  label: since === null && !nameless ? shorten(words, 14) : "",
});
