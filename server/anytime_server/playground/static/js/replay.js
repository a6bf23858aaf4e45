/** Shows an ended session once more, at a pace that an eye can follow. */

const LONGEST_MS = 9000;
const TOKEN_MS = 70;
const FRAME_MS = 40;

/**
 * Play a state's events again from their record.
 *
 * @param {object} state an ended session
 * @param {(state: object) => void} show is given each state in between, and in the end the state itself
 * @param {AbortSignal} signal ends it early
 */
export async function replay(state, show, signal) {
  const { spent } = state.budget;
  const length = Math.min(LONGEST_MS, spent * TOKEN_MS);
  const start = performance.now();
  for (;;) {
    const share = length === 0 ? 1 : Math.min(1, (performance.now() - start) / length);
    if (share === 1) break;
    show(stateAt(state, Math.floor(spent * share), share));
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    if (signal.aborted) return;
  }
  show(state);
}

/** What was known when so many tokens were thought. */
function stateAt(state, spent, share) {
  return {
    ...state,
    phase: "thinking",
    budget: { ...state.budget, spent },
    thinking: state.thinking.slice(0, Math.floor(state.thinking.length * share)),
    marks: Object.fromEntries(Object.entries(state.marks).filter(([at]) => Number(at) <= spent)),
    checkpoints: state.checkpoints.filter(({ at }) => at <= spent),
    answerText: "",
    document: null,
    error: null,
  };
}
