/** The same question with another budget, beside the session on show. */

import { best, spells } from "./answers.js";
import { byId } from "./dom.js";
import { NEUTRAL } from "./palette.js";
import { compared, phase, title, tokens, trouble, why } from "./phrases.js";
import { sessionHash } from "./route.js";
import { isRunning } from "./state.js";
import { createValue } from "./verdict.js";

/**
 * @param {{state: object}} main the store of the session on show
 * @param {{state: object}} other the store of the session beside it, which may be idle
 * @returns {() => void} shows both as they stand
 */
export function createBeside(main, other) {
  const panel = byId("beside");
  const showValue = createValue(byId("beside-value"), byId("beside-sure"));

  return () => {
    const { state } = other;
    const two = state.phase !== "idle";
    panel.hidden = !two;
    panel.parentElement.dataset.two = String(two);
    byId("verdict-budget").textContent = two ? named(main.state) : "";
    showOutcome(two ? [main.state, state] : []);
    if (!two) return;
    const answer = bestBeside(main.state, state);
    panel.dataset.phase = state.phase;
    byId("beside-title").textContent = `${title(answer)} ${named(state)}`;
    byId("beside-phase").textContent = phase(state);
    byId("beside-why").textContent = state.error && !isRunning(state) ? trouble(state).join(". ") : why(state, answer);
    showValue({ ...state, answerText: "" }, answer);
  };
}

/**
 * The best answer of the session beside the one on show.
 *
 * An answer that both gave has one colour; one that the session on show did not give has none.
 */
export function bestBeside(main, other) {
  const answer = best(other);
  if (answer === null) return null;
  const known = [...spells(main), best(main)].find((each) => each?.words === answer.words);
  return { ...answer, colour: known?.colour ?? NEUTRAL };
}

const granted = ({ budget, request }) => budget?.granted ?? request?.budget ?? 0;
const named = (state) => ` with ${tokens(granted(state))}`;

/** Once both have answered, what they came to. */
function showOutcome(both) {
  const done = both.length > 0 && both.every(({ phase: now }) => now === "completed");
  byId("compared").hidden = !done;
  if (!done) return;
  byId("compared-text").textContent = compared(
    ...both.map((state) => ({ words: best(state).words, budget: granted(state) })),
  );
  byId("beside-link").href = sessionHash(both[1].id);
}
