/** Holds the state; tells its listeners at most once a frame. */

import { IDLE, reduce } from "./state.js";

export function createStore() {
  const listeners = [];
  let state = IDLE;
  let due = false;

  const tell = () => {
    due = false;
    for (const listener of listeners) listener(state);
  };

  return {
    get state() {
      return state;
    },
    dispatch(event) {
      state = reduce(state, event);
      if (due) return;
      due = true;
      // A hidden tab gets no frames, and its title still should say when the answer is there.
      if (document.hidden) setTimeout(tell);
      else requestAnimationFrame(tell);
    },
    subscribe(listener) {
      listeners.push(listener);
      listener(state);
    },
  };
}
