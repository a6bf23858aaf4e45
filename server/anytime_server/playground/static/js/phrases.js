/** What the page says about a session, in human words. Pure functions. */

import { IN_A_ROW } from "./savings.js";
import { isRunning } from "./state.js";

export const percent = (share) => `${Math.round(share * 100)}%`;
export const tokens = (count) => `${count.toLocaleString("en")} ${count === 1 ? "token" : "tokens"}`;

/** A text cut to so many characters; none of it where there is no room for a sign or two. */
export function shorten(text, most) {
  if (text.length <= most) return text;
  return most < 3 ? "" : `${text.slice(0, most - 1)}…`;
}

/** A duration as a person would say it. */
export function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}

const PHASES = {
  idle: "Ready",
  connecting: "Starting",
  thinking: "Thinking",
  replaying: "Replaying",
  answering: "Answering",
  completed: "Done",
  cancelled: "Cancelled",
  failed: "Failed",
  lost: "No longer on the server",
};

export function phase(state) {
  if (isRunning(state) && state.connection === "reconnecting") return "Reconnecting…";
  return PHASES[state.phase];
}

const STOPS = {
  natural: "The model finished thinking by itself",
  deadline: "The time was up",
  stable: "The answer had settled",
  risk: "More thinking was not worth it",
  give_up: "More thinking was hopeless",
  answer_now: "You asked for the answer",
  load: "The server was busy",
  consensus: "The thoughts agreed",
  first: "Enough thoughts were done",
  pruned: "The last thoughts were done",
  loop: "The thinking went round in circles",
  match: "The pattern to stop at was found",
};

const BROKEN = { cancelled: "Cancelled", failed: "Failed" };
const CUT = " The answer was cut at its length limit.";

const LOST = { engine: "Went on with another engine", server: "Went on in another server" };

/** That a session goes on after a loss. */
export const resumed = ({ cause, ms }) => `${LOST[cause] ?? "Went on"} after ${duration(ms)}`;

/** How much has been thought, of how much. */
export function spent({ budget }) {
  if (budget === null) return "";
  if (budget.granted === 0) return "No thinking";
  return `${budget.spent.toLocaleString("en")} of ${tokens(budget.granted)}`;
}

/** Why and where the thinking ended, or since when the answer has stood. */
export function why(state, best) {
  const { budget, document, phase: now } = state;
  if (now === "idle") return "Ask, and watch the answer sharpen here while the model thinks. Take it whenever you like.";
  if (isRunning(state)) {
    if (!best) return budget?.granted === 0 ? "Answering without thinking" : budget ? "No answer yet" : "";
    if (best.since === null) return "";
    const newest = state.checkpoints.at(-1);
    return `Unchanged since ${tokens(best.since)} ${newest?.ballots ? "each" : "of thinking"}${vote(newest)}`;
  }
  if (!budget) return "";
  const where = budget.granted === 0 ? "" : ` after ${spent(state)}`;
  if (document?.status !== "completed") {
    const answered = best ? "This was the best answer by then." : "There was no answer by then.";
    return `${BROKEN[document?.status] ?? "Interrupted"}${where}. ${answered}`;
  }
  const since = best?.since && length(best.since, state.checkpoints.at(-1));
  const stood = since ? `, and the answer has stood since ${since}` : "";
  const cut = document.answer?.finish_reason === "length" ? CUT : "";
  return `${stop(state, where)}${stood}.${voted(state.checkpoints.at(-1))}${cut}`;
}

/** How long the thinking was, in the middle of a sentence that has said of what; of several thoughts, each of them. */
const length = (at, newest) => (newest?.ballots ? `${tokens(at)} each` : at.toLocaleString("en"));

/** How many of several trunks gave the newest interim answer: while they think, and in the end. */
const vote = (newest) => (newest?.ballots ? `, as ${newest.votes} of ${newest.samples} thoughts say` : "");
const voted = (newest) => (newest?.ballots ? ` ${newest.votes} of ${newest.samples} thoughts came to this answer.` : "");

/** What stopping earlier would have saved, in the end. */
export function saved({ at, saved: less, share, words, same }, { spent }) {
  const rule = `Stopping at ${IN_A_ROW} equal answers in a row`;
  return same
    ? `${rule} would have saved about ${less.toLocaleString("en")} of ${tokens(spent)} (${percent(share)}), for the same answer.`
    : `${rule} would have ended at about ${tokens(at)}, with another answer: ${shorten(words, 40)}.`;
}

/** What two budgets came to, of both `words` and `budget` in tokens. */
export function compared(one, other) {
  const [less, more] = [one, other].sort((a, b) => a.budget - b.budget);
  if (less.words === more.words) return `${tokens(less.budget)} of thinking were enough for this answer.`;
  const say = ({ words, budget }) => `${shorten(words, 40)} with ${tokens(budget)}`;
  return `Two answers: ${say(less)}, ${say(more)}.`;
}

/** What an answer is called while it may change, and in the end. */
export const title = (answer) => (answer?.final ? "Answer" : "Best answer so far");

/** The two sides of a point on the chart: its place, and how sure it is. */
export function about({ at, elapsed_ms: ms, confidence, votes, samples, ballots }) {
  const voted = samples > 1 ? `, ${votes} of ${samples} votes` : "";
  return [`after ${tokens(at)}${ballots ? " each" : ""}, ${duration(ms)}`, `${percent(confidence)} sure${voted}`];
}

function stop({ budget, document }, where) {
  if (budget.granted === 0) return "Answered without thinking";
  if (document.stop_reason === "budget") return `The whole budget of ${tokens(budget.granted)} was spent`;
  return `${STOPS[document.stop_reason] ?? "The thinking ended"}${where}`;
}

/** What is wrong with what is shown, and what to do about it: title and text. The error of a session has no status. */
export function trouble({ error, budget, request }) {
  const said = error.message || "";
  const kept = budget === null ? "" : " What has arrived is below.";
  const again = request === null ? "" : " Ask again to start over.";
  switch (error.status) {
    case 0:
      return ["The server can’t be reached", `Is it running? Check the network, then try again.${kept}`];
    case 401:
      return error.withKey
        ? ["The API key is wrong", `The server doesn’t know it. Enter another one to go on.${kept}`]
        : ["This server wants an API key", `Enter the key to go on.${kept}`];
    case 403:
      return ["The API key does not allow this", said];
    case 404:
      return [
        "The server no longer has this session",
        `It was restarted, or it has dropped the session by now. So the session can’t think longer.${kept}${again}`,
      ];
    case 409:
      return ["That can’t be done now", said];
    case 413:
      return ["The question is too long", said];
    case 421:
      return ["The server doesn’t answer to this name", said];
    case 422:
      return ["The server can’t do this as asked", said];
    case 429:
      return ["The server is busy", "All its places are taken."];
    case 503:
      return ["The server can’t answer right now", said];
    case undefined:
      return ["The session failed", said];
    default:
      return ["Something went wrong", said];
  }
}
