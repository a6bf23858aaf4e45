/** The field for a question that follows the answer on show, and what was said before it. */

import { canFollow, earlier, followed } from "./conversation.js";
import { byId, element } from "./dom.js";

/**
 * @param {{state: object}} store
 * @param {ReturnType<import("./form.js").createForm>} form its settings hold for what follows, too
 * @param {(question: string, request: object, beside: number|null) => void} ask
 * @returns {(state: object) => void}
 */
export function createFollowUp(store, form, ask) {
  const own = byId("follow-up");
  const field = byId("follow-up-question");
  let session = null;

  own.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = field.value.trim();
    if (question === "") field.focus();
    else if (form.check())
      ask(question, { ...followed(store.state, question), ...form.settings() }, form.besideBudget());
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    own.requestSubmit();
  });

  return (state) => {
    own.hidden = !canFollow(state);
    if (state.session === session) return;
    session = state.session;
    field.value = "";
    const turns = earlier(state.request);
    byId("turns").hidden = turns.length === 0;
    byId("turns").replaceChildren(...turns.map(turn));
  };
}

const SPEAKERS = { user: "Asked: ", assistant: "Answered: " };

function turn({ role, content }) {
  const speaker = element("span", { class: "visually-hidden", dir: "ltr" }, SPEAKERS[role]);
  return element("li", { class: role, dir: "auto" }, speaker, content);
}
