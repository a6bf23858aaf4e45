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

  "reason.created": (state, event) =>
    mark(
      {
        ...state,
        phase: "thinking",
        id: event.id,
        model: event.model,
        budget: event.budget,
        planned: event.checkpoints,
      },
      0,
      0,
      0,
    ),
  "thinking.delta": (state, { delta, spent }) => {
    const before = state.thinking.length;
    const grown = { ...state, phase: "thinking", thinking: state.thinking + delta, budget: { ...state.budget, spent } };
    return mark(grown, state.budget.spent, before, delta.length);
  },
  "checkpoint.answer": (state, event) => ({ ...state, checkpoints: [...state.checkpoints, event] }),
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
  "answer.delta": (state, { delta }) => ({ ...state, phase: "answering", answerText: state.answerText + delta }),
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
  return {
    ...state,
    phase: document.status,
    budget: document.budget,
    thinking: document.thinking.length > state.thinking.length ? document.thinking : state.thinking,
    checkpoints: document.checkpoints,
    answerText: document.status === "completed" ? (document.answer?.text ?? "") : state.answerText,
    document,
    error: document.error,
  };
}

/** Place the checkpoints that the newest delta has passed, in proportion to the tokens it stands for. */
function mark(state, from, before, length) {
  const { spent } = state.budget;
  const passed = state.planned.filter((at) => at <= spent && !(at in state.marks) && (at > from || at === 0));
  if (passed.length === 0) return state;
  const marks = { ...state.marks };
  for (const at of passed)
    marks[at] = before + (spent > from ? Math.round((length * (at - from)) / (spent - from)) : 0);
  return { ...state, marks };
}
