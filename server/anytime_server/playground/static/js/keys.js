/** Keys for the whole page, and the dialog that tells them. */

import { byId } from "./dom.js";
import { local } from "./storage.js";

const OFF = "anytime.keys";

/** @param {{answerNow: () => void, fresh: () => void}} to what Esc and N do */
export function createKeys({ answerNow, fresh }) {
  const single = byId("keys-single");
  const modifier = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘" : "Ctrl";
  for (const id of ["modifier", "keys-modifier"]) byId(id).textContent = modifier;

  const goToQuestion = () => {
    byId("question").focus();
    byId("question").select();
  };
  const keys = {
    n: () => {
      fresh();
      goToQuestion();
    },
    "/": goToQuestion,
  };

  single.checked = local.getItem(OFF) === null;
  single.addEventListener("change", () => (single.checked ? local.removeItem(OFF) : local.setItem(OFF, "off")));
  byId("keys-open").addEventListener("click", () => byId("keys-dialog").showModal());

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (event.key === "Escape") answerNow();
    const act = single.checked && !isTyping(event.target) && keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault(); // The key would be typed into the question.
    act();
  });
}

const isTyping = (target) => target.matches("textarea, input:not([type=checkbox], [type=radio], [type=range])");
