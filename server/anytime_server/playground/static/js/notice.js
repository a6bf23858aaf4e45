/** What is wrong, in human words, with the one thing to do about it. */

import { byId } from "./dom.js";
import { trouble } from "./phrases.js";
import { isRunning } from "./state.js";

/**
 * @param {{again: () => void, reconnect: () => void, key: () => void}} remedies
 * @param {(param: string, message: string) => boolean} markWrong marks the field at fault, if the page has it
 */
export function createNotice(remedies, markWrong) {
  const action = byId("notice-action");
  let shown = null;
  let countdown = null;
  let remedy = null;
  action.addEventListener("click", () => remedy?.act());

  return (state) => {
    const { error } = state;
    if (error === shown) return;
    shown = error;
    clearInterval(countdown);
    byId("notice").hidden = error === null;
    if (error === null) return;
    const [title, text] = trouble(state);
    byId("notice-title").textContent = title;
    const marked = state.id === null && error.param && markWrong(error.param, error.message);
    byId("notice-text").textContent = marked ? "See the marked field." : text;
    remedy = remedyFor(state, remedies);
    action.hidden = remedy === null;
    action.textContent = remedy?.name ?? "";
    if (error.status === 429 && remedy) countdown = countDown(error.retryAfter ?? 5, action, remedy);
  };
}

/** A refusal that left the session as it was has none: the button that was refused is still there. */
function remedyFor(state, { again, reconnect, key }) {
  const { error, id, request, phase } = state;
  if (error.status === 401) return { name: "Enter the key", act: key };
  if (error.status === 0 && id !== null && !isRunning(state)) return { name: "Reconnect", act: reconnect };
  if (phase !== "failed" && phase !== "lost") return null;
  if (request === null || ![0, 404, 429, 500, 503].includes(error.status)) return null;
  return { name: error.status === 404 ? "Ask again" : "Try again", act: again };
}

/** Try again when the server said that there may be room. */
function countDown(seconds, action, remedy) {
  let left = seconds;
  const say = () => {
    byId("notice-text").textContent = `All its places are taken. Trying again in ${left} s.`;
  };
  say();
  const timer = setInterval(() => {
    left -= 1;
    say();
    if (left > 0) return;
    clearInterval(timer);
    remedy.act();
  }, 1000);
  action.textContent = "Try now";
  return timer;
}
