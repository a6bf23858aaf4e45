/** Holds the state; tells its listeners some thirty times a second at most: more of it nobody reads. */

import { IDLE, reduce } from "./state.js";

const LEAST_MS = 30; // Every second frame of a screen with sixty.

export function createStore() {
  const listeners = [];
  let state = IDLE;
  let due = false;
  let toldAt = -Infinity;

  const tell = () => {
    due = false;
    for (const listener of listeners) listener(state);
  };

  const tellInTime = (now) => {
    if (now - toldAt < LEAST_MS) {
      requestAnimationFrame(tellInTime);
      return;
    }
    toldAt = now;
    tell();
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden && due) tell(); // The frame that was asked for may never come.
  });

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
      else requestAnimationFrame(tellInTime);
    },
    subscribe(listener) {
      listeners.push(listener);
      listener(state);
    },
  };
}
