/** The final answer in full, and what it took. */

import { best } from "./answers.js";
import { byId, element } from "./dom.js";
import { duration, percent, tokens } from "./phrases.js";
import { renderProse } from "./prose.js";
import { isRunning } from "./state.js";
import { LONG } from "./verdict.js";

/** While the answer grows the page rests for so many times as long as its last rendering took. */
const REST = 4;

export function createFinal() {
  let shown = null;
  let due = 0;

  async function render(text) {
    const begun = performance.now();
    shown = text;
    await renderProse(byId("final-text"), text);
    const now = performance.now();
    due = now + REST * (now - begun);
  }

  return (state) => {
    byId("final").hidden = state.answerText === "" || saysNoMore(state);
    if (state.answerText !== shown && (!isRunning(state) || performance.now() >= due)) render(state.answerText);
    byId("facts").hidden = state.document === null;
    if (state.document)
      byId("facts-list").replaceChildren(
        ...facts(state.document).map(([name, value, more]) => fact(name, value, more)),
      );
  };
}

/** Whether the answer in large is already all of the answer; a long one has no place there. */
const saysNoMore = (state) => state.answerText.length <= LONG && best(state)?.words === state.answerText.trim();

function facts({ usage, timings, budget, answer }) {
  const time = (ms) => (ms === null || ms === undefined ? "none" : duration(ms));
  const cut = answer?.finish_reason === "length" ? "cut at its length" : "";
  const forced = usage.forced > 0 ? `${tokens(usage.forced)} forced` : "";
  const thought = budget.granted > 0;
  const confidence = answer?.confidence ?? null;
  return [
    ["First answer", time(timings.first_answer_ms), `first token ${time(timings.first_token_ms)}`],
    ["Thinking", thought ? tokens(usage.thinking) : "none", timings.thinking_ms ? time(timings.thinking_ms) : ""],
    ["Total", time(timings.total_ms), `queued ${time(timings.queued_ms)}`],
    [
      "Budget",
      tokens(budget.granted),
      budget.requested > budget.granted ? `${budget.requested.toLocaleString("en")} asked for` : "",
    ],
    ["Confidence", confidence === null ? "none" : percent(confidence), ""],
    ["Final answer", tokens(usage.answer), [cut, forced].filter(Boolean).join(", ")],
    ["Interim answers", usage.interim > 0 ? tokens(usage.interim) : "none", ""],
    ["Prompt tokens", usage.computed.toLocaleString("en"), `${usage.cached.toLocaleString("en")} more from cache`],
  ];
}

function fact(name, value, more) {
  return element(
    "div",
    {},
    element("dt", {}, name),
    element("dd", {}, value, ...(more ? [element("small", {}, more)] : [])),
  );
}
