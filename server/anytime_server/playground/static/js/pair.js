/** The session on show, and beside it another that was asked the same with another budget. */

import { Session } from "./session.js";
import { isRunning } from "./state.js";
import { createStore } from "./store.js";

const MOST_SEED = 2 ** 31;

/** @returns {{store, session, stores, ask, open, clear, answerNow, cancel}} `stores`: of the one and of the other */
export function createPair() {
  const stores = [createStore(), createStore()];
  const [session, other] = stores.map((store) => new Session(store));
  const running = () => [session, other].filter(({ state }) => canBeSteered(state));

  const setAside = () => {
    other.leave();
    if (other.state.phase !== "idle") stores[1].dispatch({ type: "page.cleared" });
  };

  return {
    store: stores[0],
    session,
    stores,
    /** Ask; with two budgets both think with one seed, so that the one with less thinks as the other begins. */
    ask(question, request, budget = null) {
      if (budget === null) {
        setAside();
        session.ask(question, request);
        return;
      }
      const seeded = { seed: Math.floor(Math.random() * MOST_SEED), ...request };
      session.ask(question, seeded);
      other.ask(question, { ...seeded, budget });
    },
    open(id, kept, question) {
      setAside();
      session.open(id, kept, question);
    },
    clear() {
      setAside();
      session.leave();
      stores[0].dispatch({ type: "page.cleared" });
    },
    answerNow: () => running().forEach((each) => each.answerNow()),
    cancel: () => running().forEach((each) => each.cancel()),
  };
}

const canBeSteered = (state) => isRunning(state) && state.id !== null && state.connection === "open";
