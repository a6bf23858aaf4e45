/**
 * What is known of a session, as a pure function of what happened: `reduce(state, event)`.
 *
 * Events are those of the API, and a few of the page's own (`page.*`). A state is never changed in place.
 *
 * session: counts the sessions that this page has shown.
 * phase: idle, connecting, thinking, answering, completed, cancelled, failed; lost: the server has forgotten it; and
 *   replaying, which only `replay.js` makes.
 * cut: whether only the beginning of the thinking is there.
 * breaks: where the session went on after a loss: the place in the thinking text, what was lost, for how long.
 * marks: from a checkpoint's length in tokens to where it stands in the thinking text, in characters.
 * trunks: of several trunks, by number, what is known of each: thinking, spent, marks; `thinking` and `marks` are then
 *   those of the foremost, which stands for the best answer.
 */

export const IDLE = Object.freeze({
  session: 0,
  phase: "idle",
  connection: "open",
  id: null,
  model: null,
  question: null,
  request: null,
  budget: null,
  planned: [],
  thinking: "",
  marks: {},
  trunks: {},
  foremost: 0,
  breaks: [],
  checkpoints: [],
  answerText: "",
  document: null,
  error: null,
  cut: false,
  last: 0,
});

const RUNNING = new Set(["connecting", "thinking", "answering", "replaying"]);

/** Whether what is shown may still change by itself. */
export const isRunning = (state) => RUNNING.has(state.phase);

const REDUCERS = {
  "page.cleared": (state) => fresh(state, {}),
  "page.asked": (state, { question, request }) => fresh(state, { phase: "connecting", question, request }),
  "page.opened": (state, { id, question, request }) => fresh(state, { phase: "connecting", id, question, request }),
  "page.reopened": (state, { kept }) => fresh(state, { ...kept, phase: standing(kept) }),
  "page.resumed": (state) => ({ ...(state.cut ? begun(state) : state), phase: "connecting", error: null }),
  "page.upToDate": (state) => ({ ...state, phase: standing(state) }),
  "page.connection": (state, { connection }) => ({ ...state, connection }),
  "page.failed": (state, { error }) => ({
    ...state,
    connection: "open",
    phase: isLost(state, error) ? "lost" : (state.document?.status ?? "failed"),
    error: told(error),
  }),
  "page.refused": (state, { error }) => ({
    ...state,
    phase: isLost(state, error) ? "lost" : state.phase,
    error: told(error),
  }),
  "page.accepted": (state) => ({ ...state, error: null }),
  "page.restored": (state, { kept }) => (kept.last > state.last ? { ...state, ...kept, phase: state.phase } : state),

  "reason.created": (state, event) => ({
    ...state,
    phase: "thinking",
    id: event.id,
    model: event.model,
    budget: event.budget,
    planned: event.checkpoints,
    marks: marked({}, event.checkpoints, { from: 0, to: event.budget.spent, before: 0, length: 0 }),
  }),
  "thinking.delta": (state, event) => {
    const grown = { ...state, phase: "thinking", budget: { ...state.budget, spent: event.spent } };
    if (event.trunk !== undefined) return ofTrunk(grown, event);
    const from = { thinking: state.thinking, spent: state.budget.spent, marks: state.marks };
    const { thinking, marks } = thoughtOn(from, event.delta, event.spent, state.planned);
    return { ...grown, thinking, marks };
  },
  "checkpoint.answer": (state, event) => led({ ...state, checkpoints: [...state.checkpoints, event] }, event.trunk),
  "reason.resumed": (state, { cause, downtime_ms: ms }) => ({
    ...state,
    breaks: [...state.breaks, { place: state.thinking.length, cause, ms }],
  }),
  "budget.changed": (state, event) => ({
    ...state,
    phase: "thinking",
    budget: event.budget,
    planned: [...state.planned.filter((at) => at <= event.budget.spent), ...event.checkpoints],
    answerText: "",
    document: null,
    error: null,
  }),
  "answer.delta": (state, { delta, trunk }) =>
    led({ ...state, phase: "answering", answerText: state.answerText + delta }, trunk),
  "reason.completed": ended,
  "reason.cancelled": ended,
  "reason.failed": ended,
};

/** The state after an event; one that this page does not know (from a newer server) changes nothing but the position. */
export function reduce(state, event) {
  const next = REDUCERS[event.type]?.(state, event) ?? state;
  return event.sequence_number === undefined ? next : { ...next, last: event.sequence_number };
}

/** The phase of a session by what is known of it. */
const standing = ({ document, answerText }) => document?.status ?? (answerText ? "answering" : "thinking");

const isLost = (state, error) => error.status === 404 && state.id !== null;

/** What of an `ApiError` the page tells. */
const told = ({ status, type, message, param, retryAfter, withKey }) => ({
  status,
  type,
  message,
  param,
  retryAfter,
  withKey,
});

/** A session of which no event has been seen. */
const begun = ({ session, id, question, request }) => ({ ...IDLE, session, id, question, request });

const fresh = (state, known) => ({ ...IDLE, ...known, session: state.session + 1 });

function ended(state, { document }) {
  const longer = document.thinking.length > state.thinking.length;
  return {
    ...state,
    phase: document.status,
    budget: document.budget,
    thinking: longer || document.trunks ? document.thinking : state.thinking,
    checkpoints: document.checkpoints,
    answerText: document.status === "completed" ? (document.answer?.text ?? "") : state.answerText,
    document,
    error: document.error,
  };
}

const UNTHOUGHT = Object.freeze({ thinking: "", spent: 0, marks: {} });

/** A session with several trunks after one of them has thought on. */
function ofTrunk(state, { trunk, trunk_spent: spent, delta }) {
  const thought = thoughtOn(state.trunks[trunk] ?? UNTHOUGHT, delta, spent, state.planned);
  return led({ ...state, trunks: { ...state.trunks, [trunk]: thought } }, state.foremost);
}

/** Show the thinking of the trunk that stands for the best answer; undefined: there is only one. */
function led(state, trunk) {
  if (trunk === undefined) return state;
  const { thinking, marks } = state.trunks[trunk] ?? UNTHOUGHT;
  return { ...state, foremost: trunk, thinking, marks };
}

/** A thought after its newest delta, which ends at `spent` tokens. */
const thoughtOn = (thought, delta, spent, planned) => ({
  thinking: thought.thinking + delta,
  spent,
  marks: marked(thought.marks, planned, {
    from: thought.spent,
    to: spent,
    before: thought.thinking.length,
    length: delta.length,
  }),
});

/** Place the checkpoints that the newest delta has passed, in proportion to the tokens it stands for. */
function marked(known, planned, { from, to, before, length }) {
  const passed = planned.filter((at) => at <= to && !(at in known) && (at > from || at === 0));
  if (passed.length === 0) return known;
  const marks = { ...known };
  for (const at of passed) marks[at] = before + (to > from ? Math.round((length * (at - from)) / (to - from)) : 0);
  return marks;
}
