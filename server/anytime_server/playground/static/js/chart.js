/** The chart: interim answers over the budget, as coloured spells under their confidence. */

import { words } from "./answers.js";
import { element, svg } from "./dom.js";
import { geometry, nearest } from "./geometry.js";
import { dashes, marker } from "./palette.js";
import { percent, duration } from "./phrases.js";

/**
 * @param {HTMLElement} frame takes the drawing
 * @param {(at: number|null) => void} onPoint is told which checkpoint the pointer is at
 * @param {HTMLElement} legend is shown where some answer's name has no room in the drawing
 */
export function createChart(frame, onPoint, legend) {
  const root = svg("svg", { role: "img", "aria-label": "No interim answers yet" });
  const tip = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  frame.replaceChildren(root, tip);
  let state = null;
  let drawn = null;

  const draw = () => {
    const { clientWidth: width, clientHeight: height } = frame;
    if (!state || width === 0) return;
    drawn = geometry(state, width, height);
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    root.setAttribute("aria-label", describe(state));
    root.replaceChildren(...layers(drawn, state));
    legend.hidden = drawn.named;
  };

  const point = (event) => {
    const px = event.clientX - frame.getBoundingClientRect().left;
    const found = drawn && nearest(drawn.points, px);
    onPoint(found?.at ?? null);
    showTip(tip, found && state.checkpoints.find((checkpoint) => checkpoint.at === found.at), found, frame.clientWidth);
  };
  const leave = () => {
    onPoint(null);
    tip.hidden = true;
  };

  new ResizeObserver(draw).observe(frame);
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  frame.addEventListener("pointerleave", leave);
  return (next) => {
    if (next.id !== state?.id) tip.hidden = true;
    state = next;
    frame.closest("figure").hidden = state.budget?.granted === 0 && state.checkpoints.length === 0;
    draw();
  };
}

function layers(shape, state) {
  return [
    hatching(),
    ...axes(shape),
    ...unspent(shape),
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

function axes({ frame, xTicks, yTicks, planned }) {
  return [
    ...yTicks.map(({ y }) => svg("path", { class: "grid", d: `M${frame.left},${y}H${frame.right}` })),
    ...yTicks.map(({ y, confidence }) =>
      svg("text", { class: "axis", x: frame.left - 10, y: y + 4, "text-anchor": "end" }, percent(confidence)),
    ),
    ...xTicks.map(({ x, at }) =>
      svg("text", { class: "axis", x, y: frame.bottom + 22, "text-anchor": "middle" }, at.toLocaleString("en")),
    ),
    ...planned.map((x) => svg("circle", { class: "planned", cx: x, cy: frame.bottom, r: 2.5 })),
  ];
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
    { class: colour },
    svg("path", { class: "band", d: area }),
    svg("path", { class: "band-line", d: line, "stroke-dasharray": dashes(colour) }),
    ...(label ? [svg("text", { class: "label", x: labelX, y: labelY }, label)] : []),
  );
}

function drawFinal({ final, frame }) {
  if (!final) return [];
  const after = final.x < frame.right - 60;
  return [
    svg("path", { class: `final ${final.colour}`, d: marker(final.colour, final.x, final.y, 6.5) }),
    svg(
      "text",
      {
        class: `label ${final.colour}`,
        x: final.x + (after ? 14 : -12),
        y: final.y + (after ? 6 : 26),
        "text-anchor": after ? "start" : "end",
      },
      final.label,
    ),
  ];
}

/** How far the thinking has come, or where it ended. */
function head({ frame, spentX, ended, live, spent, granted }, state) {
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
            `budget ${granted.toLocaleString("en")}`,
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

function showTip(tip, checkpoint, place, width) {
  tip.hidden = !checkpoint;
  if (!checkpoint) return;
  const votes = checkpoint.samples > 1 ? `, ${checkpoint.votes} of ${checkpoint.samples} votes` : "";
  tip.className = `tip ${place.colour}`;
  tip.replaceChildren(
    element("b", {}, words(checkpoint)),
    `after ${checkpoint.at.toLocaleString("en")} tokens, ${duration(checkpoint.elapsed_ms)}`,
    element("br"),
    `${percent(checkpoint.confidence)} sure${votes}`,
  );
  tip.style.left = `${Math.min(Math.max(0, place.x - tip.offsetWidth / 2), width - tip.offsetWidth)}px`;
  tip.style.top = `${Math.max(40, place.y + 16)}px`;
}

function describe(state) {
  if (state.checkpoints.length === 0) return "No interim answers yet";
  const told = state.checkpoints.map((point) => `${words(point)} at ${point.at}`);
  return `Interim answers over ${state.budget.granted} thinking tokens: ${told.join(", ")}. The table below has the details.`;
}
