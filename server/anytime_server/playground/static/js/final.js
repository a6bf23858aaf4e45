/** The final answer in full, and what it took. */

import { byId, element } from "./dom.js";
import { duration, tokens } from "./phrases.js";
import { renderProse } from "./prose.js";

export function createFinal() {
  let shown = null;
  return (state) => {
    byId("final").hidden = state.answerText === "";
    if (state.answerText !== shown) {
      shown = state.answerText;
      renderProse(byId("final-text"), shown);
    }
    byId("facts").hidden = state.document === null;
    if (state.document)
      byId("facts-list").replaceChildren(
        ...facts(state.document).map(([name, value, more]) => fact(name, value, more)),
      );
  };
}

function facts({ usage, timings, budget, answer }) {
  const time = (ms) => (ms === null || ms === undefined ? "none" : duration(ms));
  const cut = answer?.finish_reason === "length" ? "cut at its length" : "";
  return [
    ["First answer", time(timings.first_answer_ms), `first token ${time(timings.first_token_ms)}`],
    ["Thinking", time(timings.thinking_ms), tokens(usage.thinking)],
    ["Total", time(timings.total_ms), `queued ${time(timings.queued_ms)}`],
    [
      "Budget",
      tokens(budget.granted),
      budget.requested > budget.granted ? `${budget.requested.toLocaleString("en")} asked for` : "",
    ],
    ["Final answer", tokens(usage.answer), cut],
    ["Interim answers", tokens(usage.interim), usage.forced > 0 ? `${tokens(usage.forced)} forced` : ""],
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
