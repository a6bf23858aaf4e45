/** The line that says what stopping earlier would have saved. */

import { byId } from "./dom.js";
import { saved } from "./phrases.js";
import { IN_A_ROW, savings } from "./savings.js";

/**
 * @param {(inARow: number) => void} onTry asks again, with that rule
 * @returns {(state: object) => void}
 */
export function createSavings(onTry) {
  byId("savings-try").addEventListener("click", () => onTry(IN_A_ROW));
  return (state) => {
    const found = savings(state);
    byId("savings").hidden = found === null;
    if (found === null) return;
    byId("savings-text").textContent = saved(found, state.budget);
    byId("savings-try").hidden = !found.same || !state.question;
  };
}
