/** The sessions this browser has seen, newest first, so that they can be shown after the server has forgotten them. */

import { local } from "./storage.js";

const KEY = "anytime.history";
const MOST = 24;
const MOST_THINKING = 8000;

/** @returns {object[]} what `remember` kept */
export function entries() {
  try {
    const stored = JSON.parse(local.getItem(KEY));
    return Array.isArray(stored) ? stored.filter((entry) => typeof entry?.kept?.id === "string") : [];
  } catch {
    return []; // Not ours, or broken.
  }
}

export const find = (id) => entries().find((entry) => entry.kept.id === id) ?? null;

export const forgetAll = () => local.removeItem(KEY);

/** Keep a session; a long thinking is cut. */
export function remember(state, answer) {
  const { id, model, question, request, budget, planned, marks, checkpoints, answerText, document, last } = state;
  const thinking = state.thinking.slice(0, MOST_THINKING);
  const kept = {
    id,
    model,
    question,
    request,
    budget,
    planned,
    marks,
    checkpoints,
    thinking,
    answerText,
    document: document && { ...document, thinking },
    last,
  };
  const entry = { question, words: answer?.words ?? "", colour: answer?.colour ?? "", kept };
  store([entry, ...entries().filter((other) => other.kept.id !== id)].slice(0, MOST));
}

/** Where the browser's room is short the oldest go first. */
function store(kept) {
  for (let count = kept.length; count > 0; count = Math.floor(count / 2)) {
    try {
      local.setItem(KEY, JSON.stringify(kept.slice(0, count)));
      return;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  }
}
