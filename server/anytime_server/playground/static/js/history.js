/**
 * The sessions this browser has seen, so that they can be shown after the server has forgotten them.
 *
 * Each has a key of its own, so that tabs with different sessions never write over each other. Its value is two lines of
 * JSON, written at once: what the list of recent sessions shows, and all that is known of the session. A copy is as new
 * as the last event in it (`last`), and an older one never replaces a newer one.
 */

import { local } from "./storage.js";

const PREFIX = "anytime.session.";
const VERSION = 1;
const MOST = 24;

/** @returns {{id: string, last: number, asked: number, question: string, words: string, colour: string}[]} newest first */
export function entries() {
  const known = local.keys().filter((key) => key.startsWith(PREFIX));
  return known
    .map((key) => about(local.getItem(key)))
    .filter((entry) => entry !== null)
    .sort((one, other) => other.asked - one.asked);
}

/**
 * What is known of a session: the state after its event `last`. Of a long thinking that had no room `cut` is true, and
 * only the beginning is there.
 */
export function find(id) {
  const text = local.getItem(PREFIX + id);
  if (about(text) === null) return null;
  const kept = parsed(text.slice(text.indexOf("\n") + 1));
  if (typeof kept?.thinking !== "string") return null;
  const { thinking, checkpoints, document } = kept;
  return { ...kept, document: document && { ...document, thinking, checkpoints } };
}

/** Keep a session as it stands after its newest event, unless a tab that has read further has kept it. */
export function remember(state, answer) {
  const before = about(local.getItem(PREFIX + state.id));
  if (before !== null && before.last >= state.last) return;
  const entry = {
    version: VERSION,
    id: state.id,
    last: state.last,
    asked: before?.asked ?? Date.now(),
    question: state.question,
    words: answer?.words ?? "",
    colour: answer?.colour ?? "",
  };
  let { thinking } = state;
  while (!store(state.id, `${JSON.stringify(entry)}\n${JSON.stringify(essence(state, thinking))}`)) {
    if (thinking === "") return; // There is no room at all: the server's copy is the only one.
    thinking = thinking.slice(0, thinking.length >> 1).replace(/[\ud800-\udbff]$/, "");
  }
  for (const { id } of entries().slice(MOST)) if (id !== state.id) local.removeItem(PREFIX + id);
}

export function forgetAll() {
  for (const key of local.keys()) if (key.startsWith(PREFIX)) local.removeItem(key);
}

/**
 * What another tab wrote, from the browser's event of it.
 *
 * @param {StorageEvent} event
 * @returns {{id: string, last: number}|null} null if it is no session
 */
export const written = ({ key, newValue }) => (key?.startsWith(PREFIX) ? about(newValue) : null);

/**
 * All that a state says of its session; the document repeats what stands beside it.
 *
 * Of several trunks the foremost is kept. While they think that is not enough to go on from: they are `cut`.
 */
function essence(state, thinking) {
  const { id, model, question, request, budget, planned, marks, breaks, checkpoints, answerText, document, last } = state;
  const rest = document && { ...document, thinking: "", checkpoints: [], trunks: undefined };
  const cut = thinking.length < state.thinking.length || (document === null && Object.keys(state.trunks).length > 0);
  return {
    ...{ id, model, question, request, budget, planned, marks, breaks, checkpoints, answerText, last },
    ...{ thinking, cut, document: rest },
  };
}

/** Write a session; where the browser's room is short the oldest others go first. Returns whether it has been written. */
function store(id, text) {
  while (!local.setItem(PREFIX + id, text)) {
    const oldest = entries().findLast((entry) => entry.id !== id);
    if (!oldest) return false;
    local.removeItem(PREFIX + oldest.id);
  }
  return true;
}

/** The first line of a value; null if this version of the page did not write it. */
function about(text) {
  const entry = parsed(text?.slice(0, text.indexOf("\n")) ?? "");
  return entry?.version === VERSION && typeof entry.id === "string" && Number.isInteger(entry.last) ? entry : null;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Not ours, or broken.
  }
}
