/** Keeps the session on show in this browser: soon after each event, at once where a stage ends, and as the page goes. */

import { best } from "./answers.js";
import { remember, written } from "./history.js";

const REST_MS = 1000;
/** Between two writings it rests for so many times as long as the last one took. */
const REST = 20;

/**
 * @param {{state: object}} store
 * @param {() => void} onKept is called when a session has been kept
 * @returns {{follow: (state: object) => void, forget: () => void}} `forget` leaves alone what is known by now
 */
export function createKeeper(store, onKept) {
  let state = store.state;
  let kept = state;
  let rest = REST_MS;
  let timer = null;

  const keep = () => {
    clearTimeout(timer);
    timer = null;
    if (!isNews(state, kept)) return;
    const begun = performance.now();
    remember(state, best(state));
    rest = Math.max(REST_MS, REST * (performance.now() - begun));
    kept = state;
    onKept();
  };
  const keepNewest = () => {
    state = store.state;
    keep();
  };

  window.addEventListener("pagehide", keepNewest);
  document.addEventListener("visibilitychange", () => document.hidden && keepNewest());
  window.addEventListener("storage", (event) => {
    // Two tabs that write at the same moment do not see each other's copy, so the newer one is written again.
    const other = written(event);
    if (other?.id !== state.id || other.last >= state.last) return;
    kept = null;
    keepNewest();
  });

  return {
    follow(next) {
      if (next.session !== state.session) keep();
      const stage = next.phase !== state.phase;
      state = next;
      if (stage) keep();
      else if (timer === null && isNews(state, kept)) timer = setTimeout(keep, rest);
    },
    forget() {
      kept = store.state;
    },
  };
}

/** Whether a state knows of an event that the one that was kept does not. */
const isNews = (state, kept) =>
  state.id !== null && state.budget !== null && (kept?.session !== state.session || kept.last !== state.last);
