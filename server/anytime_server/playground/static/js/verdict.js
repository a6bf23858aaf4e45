/** The best answer so far, how sure the model is of it, and why the thinking ended. */

import { best } from "./answers.js";
import { byId, flag } from "./dom.js";
import { percent, phase, title, why } from "./phrases.js";
import { isRunning } from "./state.js";

const MEDIUM = 12;
/** So many characters are a text, and not a value. */
export const LONG = 44;

/** @returns {(state: object) => void} shows the session, and the whole panel's phase */
export function createVerdict() {
  const verdict = byId("value").closest(".verdict");
  const showValue = createValue(byId("value"), byId("sure"));
  return (state) => {
    const answer = best(state);
    byId("run").dataset.phase = state.phase;
    byId("asked").textContent = state.question ?? "";
    byId("asked").hidden = !state.question;
    byId("phase-text").textContent = phase(state);
    byId("verdict-title").textContent = title(answer);
    byId("why").textContent = why(state, answer);
    showValue(state, answer);
    flag(verdict, "open", isOpen(state, answer));
  };
}

/** Whether the answer is a text to be read, and no value: then it stands there in full, without its beginning in large. */
const isOpen = ({ answerText }, answer) => answerText !== "" && (answer?.words ?? answerText).length > LONG;

/**
 * The answer in large, and its confidence.
 *
 * @param {HTMLElement} value
 * @param {HTMLElement} sure
 */
export function createValue(value, sure) {
  let shown = "";
  return (state, answer) => {
    const text = answer?.words ?? (isRunning(state) ? "…" : "");
    if (text !== shown) {
      value.textContent = text;
      value.dataset.length = text.length > LONG ? "long" : text.length > MEDIUM ? "medium" : "short";
      flag(value, "fresh", false);
      // The style is read between the two, so that the animation starts anew.
      if (answer && isRunning(state) && value.offsetWidth) flag(value, "fresh", true);
      shown = text;
    }
    value.className = `value ${answer?.colour ?? ""}`;
    showConfidence(sure, answer);
  };
}

function showConfidence(sure, answer) {
  const confidence = answer?.confidence ?? null;
  sure.hidden = confidence === null;
  if (confidence === null) return;
  sure.className = `sure ${answer.colour}`;
  sure.querySelector(".sure-number").textContent = percent(confidence);
  sure.querySelector(".sure-bar span").style.width = `${Math.round(confidence * 100)}%`;
}
