/** The chart: interim answers over the budget, in lanes or by how much they agree. */

import { words } from "./answers.js";
import { element, svg } from "./dom.js";
import { dashes, marker } from "./palette.js";
import { about } from "./phrases.js";
import { nearest, scene } from "./scene.js";

/** Narrower than this a page is only while it is put up. */
const NARROWEST_PX = 120;

/** What a key does on the chart, from the place of the point that is lit; -1: none is. */
const MOVES = {
  ArrowLeft: (place, last) => (place < 0 ? last : Math.max(0, place - 1)),
  ArrowRight: (place, last) => Math.min(last, place + 1),
  Home: () => 0,
  End: (_, last) => last,
};

/**
 * @param {HTMLElement} frame takes the drawing
 * @param {{onPoint, onPick, onTell}} to `onPoint(at)`: the point at which checkpoint is lit, null if none is;
 *   `onPick(at)`: it was chosen; `onTell(text)`: what a reader should hear of it
 */
export function createChart(frame, { onPoint, onPick, onTell }) {
  const figure = frame.closest("figure");
  const root = svg("svg", { role: "img", "aria-label": "No interim answers yet" });
  const lit = svg("circle", { class: "lit", r: 11, visibility: "hidden" });
  const tip = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  frame.replaceChildren(root, tip);
  let state = null;
  let drawn = null;
  let at = null;

  const draw = () => {
    const { clientWidth: width, clientHeight: height } = frame;
    if (!state || width < NARROWEST_PX) return;
    drawn = scene(state, width, height);
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    root.setAttribute("aria-label", describe(state));
    root.replaceChildren(...layers(drawn, state), lit);
    figure.querySelector(".reading").textContent = drawn.reading;
    figure.querySelector(".legend").hidden = drawn.named;
    showLit();
  };

  const showLit = () => {
    const place = drawn?.points.find((point) => point.at === at);
    lit.setAttribute("visibility", place ? "visible" : "hidden");
    tip.hidden = !place;
    if (!place) return;
    lit.setAttribute("class", `lit ${place.colour}`);
    lit.setAttribute("cx", place.x);
    lit.setAttribute("cy", place.y);
    showTip(tip, checkpoint(), place, frame);
  };
  const checkpoint = () => state.checkpoints.find((point) => point.at === at);

  const light = (next) => {
    if (next === at) return;
    at = next;
    onPoint(at);
    showLit();
  };
  const point = (event) => {
    const px = event.clientX - frame.getBoundingClientRect().left;
    light((drawn && nearest(drawn.points, px)?.at) ?? null);
  };

  frame.addEventListener("keydown", (event) => {
    const points = drawn?.points ?? [];
    if (points.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && at !== null) onPick(at);
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    light(points[move(points.findIndex((each) => each.at === at), points.length - 1)].at);
    onTell([words(checkpoint()), ...about(checkpoint())].join(", "));
  });

  new ResizeObserver(draw).observe(frame);
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  frame.addEventListener("click", () => at !== null && onPick(at));
  frame.addEventListener("pointerleave", () => light(null));
  frame.addEventListener("blur", () => light(null));
  return (next) => {
    if (next.id !== state?.id) light(null);
    state = next;
    figure.hidden = state.budget?.granted === 0 && state.checkpoints.length === 0;
    draw();
  };
}

function layers(shape, state) {
  return [
    hatching(),
    ...shape.lanes.map((lane) => drawLane(lane, shape.frame)),
    ...axes(shape),
    ...unspent(shape),
    ...shape.joins.map((d) => svg("path", { class: "join", d })),
    ...shape.bands.map(drawBand),
    ...head(shape, state),
    ...shape.points.map(({ x, y, colour, change }) =>
      svg("path", { class: `point ${colour}${change ? " change" : ""}`, d: marker(colour, x, y, change ? 6 : 4) }),
    ),
    ...drawFinal(shape),
    ...hint(shape, state),
  ];
}

function hatching() {
  const line = svg("path", { class: "unspent-stroke", d: "M0,8L8,0" });
  return svg("defs", {}, svg("pattern", { id: "unspent", width: 8, height: 8, patternUnits: "userSpaceOnUse" }, line));
}

function axes({ frame, xTicks, yTicks, yTitle, planned, several }) {
  const xTitle = several ? "Thinking tokens of each thought" : "Thinking tokens";
  return [
    svg("path", { class: "grid", d: `M${frame.left},${frame.bottom}H${frame.right}` }),
    ...yTicks.map(({ y }) => svg("path", { class: "grid", d: `M${frame.left},${y}H${frame.right}` })),
    ...yTicks.map(({ y, text }) => svg("text", { class: "axis", x: frame.left - 10, y: y + 4, "text-anchor": "end" }, text)),
    ...xTicks.map(({ x, at }) =>
      svg("text", { class: "axis", x, y: frame.bottom + 20, "text-anchor": "middle" }, at.toLocaleString("en")),
    ),
    ...planned.map((x) => svg("circle", { class: "planned", cx: x, cy: frame.bottom, r: 2.5 })),
    svg("text", { class: "title", x: 6, y: frame.top - 13 }, yTitle),
    svg("text", { class: "title", x: frame.right, y: frame.bottom + 40, "text-anchor": "end" }, xTitle),
  ];
}

/** The lane of an answer, and its name. */
function drawLane({ y, tall, colour, label, best }, { left, right }) {
  const field = { x: left, y: y - tall / 2 + 2, width: right - left, height: tall - 4, rx: 4 };
  return svg(
    "g",
    { class: `${colour}${best ? " best" : ""}` },
    svg("rect", { class: "lane", ...field }),
    svg("text", { class: "label", x: left - 10, y: y + 6, "text-anchor": "end" }, label),
  );
}

/** What of the budget was left when the thinking ended. */
function unspent({ frame, spentX, ended, granted, spent }) {
  if (!ended || spent >= granted) return [];
  return [
    svg("rect", {
      fill: "url(#unspent)",
      x: spentX,
      y: frame.top,
      width: frame.right - spentX,
      height: frame.bottom - frame.top,
    }),
  ];
}

function drawBand({ colour, area, line, label, labelX, labelY }) {
  return svg(
    "g",
    { class: line ? colour : `${colour} ribbon` },
    svg("path", { class: "band", d: area }),
    ...(line ? [svg("path", { class: "band-line", d: line, "stroke-dasharray": dashes(colour) })] : []),
    ...(label ? [svg("text", { class: "label", x: labelX, y: labelY }, label)] : []),
  );
}

function drawFinal({ final, frame }) {
  if (!final) return [];
  const { x, y, colour, label } = final;
  const ring = svg("path", { class: `final ${colour}`, d: marker(colour, x, y, 6.5) });
  if (label === "") return [ring];
  const after = x < frame.right - 60;
  const place = { x: x + (after ? 14 : -12), y: y + (after ? 6 : 26), "text-anchor": after ? "start" : "end" };
  return [ring, svg("text", { class: `label ${colour}`, ...place }, label)];
}

/** How far the thinking has come, or where it ended. */
function head({ frame, spentX, ended, live, spent, granted, several }, state) {
  if (!state.budget) return [];
  const text = ended ? `ended at ${spent.toLocaleString("en")}` : spent.toLocaleString("en");
  const anchor = spentX > frame.right - 60 ? "end" : spentX < frame.left + 60 ? "start" : "middle";
  return [
    ...(live || ended
      ? [svg("path", { class: ended ? "ended" : "playhead", d: `M${spentX},${frame.top - 8}V${frame.bottom}` })]
      : []),
    ...(spent > 0 ? [svg("text", { class: "flag", x: spentX, y: frame.top - 13, "text-anchor": anchor }, text)] : []),
    ...(frame.right - spentX > 130
      ? [
          svg(
            "text",
            { class: "flag", x: frame.right, y: frame.top - 13, "text-anchor": "end" },
            `budget ${granted.toLocaleString("en")}${several ? " each" : ""}`,
          ),
        ]
      : []),
  ];
}

function hint({ frame, points, spentX }, state) {
  if (points.length > 0) return [];
  const text = !state.budget
    ? "Answers land here as they come"
    : state.planned.length === 0
      ? "No interim answers asked for"
      : `First answer at ${state.planned[0].toLocaleString("en")} tokens`;
  const left = state.budget && state.document === null ? Math.max(frame.left, spentX) : frame.left;
  return [
    svg(
      "text",
      {
        class: "hint",
        x: (left + frame.right) / 2,
        y: frame.top + (frame.bottom - frame.top) / 4 + 5,
        "text-anchor": "middle",
      },
      text,
    ),
  ];
}

/** Beside the point, on the side with more room, so that the point itself stays in sight. */
function showTip(tip, checkpoint, { x, y, colour }, { clientWidth: width, clientHeight: height }) {
  const [place, sure] = about(checkpoint);
  tip.className = `tip ${colour}`;
  tip.replaceChildren(element("b", {}, words(checkpoint)), place, element("br"), sure);
  tip.style.left = `${Math.min(Math.max(0, x - tip.offsetWidth / 2), width - tip.offsetWidth)}px`;
  tip.style.top = `${y > height / 2 ? y - tip.offsetHeight - 16 : y + 16}px`;
}

function describe(state) {
  if (state.checkpoints.length === 0) return "No interim answers yet";
  const told = state.checkpoints.map((point) => `${words(point)} at ${point.at}`);
  return `Interim answers over ${state.budget.granted} thinking tokens: ${told.join(", ")}. The table below has the details.`;
}
