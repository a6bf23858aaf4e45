/** The buttons of a session: steer it, show it again, share it, copy it. */

import { apiKey, url } from "./api.js";
import { copy } from "./clipboard.js";
import { byId } from "./dom.js";
import { shareLink } from "./route.js";
import { SNIPPETS } from "./snippets.js";
import { isRunning } from "./state.js";

/** As long as this a session that has not thought is taken to be, where it is to think longer. */
const NEVER_THOUGHT = 200;
const NAMES = { curl: "curl", python: "Python", openai: "OpenAI SDK" };

/**
 * @param {import("./session.js").Session} session
 * @param {() => void} onReplay
 */
export function createActions(session, onReplay) {
  byId("answer-now").addEventListener("click", () => session.answerNow());
  byId("cancel").addEventListener("click", () => session.cancel());
  byId("longer").addEventListener("submit", (event) => {
    event.preventDefault();
    const tokens = byId("extend-by").valueAsNumber;
    if (tokens >= 1) session.extend(tokens);
  });
  byId("replay").addEventListener("click", onReplay);
  byId("share").addEventListener("click", () =>
    copy(shareLink(session.state.id, session.state.question), "Link copied"),
  );
  bindCopyMenu(session);
  let sized = null;

  return (state) => {
    const running = isRunning(state);
    const ended = state.document !== null && !running;
    byId("actions").hidden = state.id === null;
    byId("answer-now").hidden = !running;
    byId("cancel").hidden = !running;
    byId("share").hidden = state.phase === "lost";
    byId("longer").hidden = state.phase === "lost" || state.budget === null;
    byId("replay").hidden = !ended || state.checkpoints.length === 0;
    byId("copy").hidden = state.request === null;
    if (state.budget && sized !== state.session) {
      sized = state.session;
      byId("extend-by").value = Math.max(10, Math.round((state.budget.granted || NEVER_THOUGHT) / 20) * 10);
    }
  };
}

function bindCopyMenu(session) {
  const menu = byId("copy-menu");
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    const place = byId("copy").getBoundingClientRect();
    menu.style.top = `${place.bottom}px`;
    menu.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - menu.offsetWidth - 8))}px`;
    menu.querySelector("button").focus();
  });
  menu.addEventListener("click", (event) => {
    const name = event.target.dataset.snippet;
    if (!name) return;
    const origin = url("").replace(/\/$/, "");
    menu.hidePopover();
    copy(SNIPPETS[name](session.state, origin, apiKey.get() !== ""), `Copied as ${NAMES[name]}`);
  });
}
