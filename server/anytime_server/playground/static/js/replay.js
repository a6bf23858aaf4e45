/** Shows an ended session once more, at a pace that an eye can follow. */

import { ofEach, thoughts } from "./each.js";
import { linear } from "./scales.js";

const LONGEST_MS = 9000;
const TOKEN_MS = 70;
const FRAME_MS = 40;

/**
 * Play a session again from what is known of it.
 *
 * @param {object} state an ended session
 * @param {(state: object) => void} show is given each state in between, and in the end the state itself
 * @param {AbortSignal} signal ends it early
 */
export async function replay(state, show, signal) {
  const { spent } = ofEach(state);
  const length = Math.min(LONGEST_MS, spent * TOKEN_MS);
  const start = performance.now();
  for (let shown = 0; shown < spent; ) {
    const due = Math.floor(spent * Math.min(1, (performance.now() - start) / length));
    // However slow the browser is, each interim answer is seen.
    shown = Math.min(due, state.checkpoints.find(({ at }) => at > shown)?.at ?? spent);
    show(stateAt(state, shown));
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    if (signal.aborted) return;
  }
  show(state);
}

/** What was known when each thought was so long. */
function stateAt(state, spent) {
  const length = lengthAt(state, spent);
  return {
    ...state,
    phase: "replaying",
    budget: { ...state.budget, spent: Math.min(state.budget.spent, spent * thoughts(state)) },
    trunks: {},
    thinking: state.thinking.slice(0, length),
    breaks: state.breaks.filter(({ place }) => place <= length),
    marks: Object.fromEntries(Object.entries(state.marks).filter(([at]) => Number(at) <= spent)),
    checkpoints: state.checkpoints.filter(({ at }) => at <= spent),
    answerText: "",
    document: null,
    error: null,
  };
}

/** How much text so many tokens were: exact at the marks, in proportion between them. */
function lengthAt(state, spent) {
  const { marks, thinking } = state;
  const known = [
    [0, 0],
    ...Object.entries(marks).map(([at, place]) => [Number(at), place]),
    [ofEach(state).spent, thinking.length],
  ];
  const next = known.findIndex(([at]) => at >= spent);
  const [to, end] = known[next];
  const [from, start] = known[Math.max(0, next - 1)];
  return Math.floor(linear(from, to, start, end)(spent));
}
