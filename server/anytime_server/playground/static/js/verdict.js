/** The best answer so far, how sure the model is of it, and why the thinking ended. */

import { best } from "./answers.js";
import { byId, flag } from "./dom.js";
import { percent, phase, why } from "./phrases.js";
import { isRunning } from "./state.js";

const MEDIUM = 12;
const LONG = 44;

export function createVerdict() {
  const run = byId("run");
  const value = byId("value");
  let shown = "";

  return (state) => {
    const answer = best(state);
    run.dataset.phase = state.phase;
    byId("asked").textContent = state.question ?? "";
    byId("asked").hidden = !state.question;
    byId("phase-text").textContent = phase(state);
    byId("verdict-title").textContent = answer?.final ? "Answer" : "Best answer so far";
    byId("why").textContent = why(state, answer);
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
    showConfidence(answer);
  };
}

function showConfidence(answer) {
  const sure = answer?.confidence ?? null;
  byId("sure").hidden = sure === null;
  if (sure === null) return;
  byId("sure").className = `sure ${answer.colour}`;
  byId("sure-number").textContent = percent(sure);
  byId("sure-fill").style.width = `${Math.round(sure * 100)}%`;
}
