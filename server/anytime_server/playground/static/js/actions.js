/** The buttons of a session: steer it, show it again, share it, copy it. */

import { apiKey, url } from "./api.js";
import { copy } from "./clipboard.js";
import { fault } from "./controls.js";
import { byId } from "./dom.js";
import { shareLink } from "./route.js";
import { NAMES, SNIPPETS } from "./snippets.js";
import { isRunning } from "./state.js";

/** As long as this a session that has not thought is taken to be, where it is to think longer. */
const NEVER_THOUGHT = 200;

/** What only a server that can be reached does. */
const STEERING = { "answer-now": "Answer now", cancel: "Cancel", extend: "Think longer" };

/**
 * @param {{session: import("./session.js").Session, answerNow: () => void, cancel: () => void}} to what they act on
 * @param {() => void} onReplay
 */
export function createActions({ session, answerNow, cancel }, onReplay) {
  steer("answer-now", answerNow);
  steer("cancel", cancel);
  byId("longer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isOff("extend")) return;
    const more = byId("extend-by");
    const wrong = more.value === "" ? "Say how many more tokens." : fault(more);
    if (wrong === null) session.extend(more.valueAsNumber);
    sayMore(wrong);
  });
  byId("extend-by").addEventListener("input", () => sayMore(null));
  byId("replay").addEventListener("click", onReplay);
  byId("copy-answer").addEventListener("click", () => copy(session.state.document.answer.text, "Answer copied"));
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
    byId("copy-answer").hidden = !ended || !state.document.answer?.text;
    byId("copy").hidden = state.request === null;
    switchSteering(running && state.connection === "reconnecting");
    if (state.budget && sized !== state.session) {
      sized = state.session;
      byId("extend-by").value = Math.max(10, Math.round((state.budget.granted || NEVER_THOUGHT) / 20) * 10);
      sayMore(null);
    }
  };
}

function steer(id, act) {
  byId(id).addEventListener("click", () => isOff(id) || act());
}

const isOff = (id) => byId(id).getAttribute("aria-disabled") === "true";

/** A button that is off keeps the focus, and says what it waits for. */
function switchSteering(off) {
  for (const [id, name] of Object.entries(STEERING)) {
    byId(id).setAttribute("aria-disabled", String(off));
    byId(id).textContent = off && id === "answer-now" ? "Reconnecting…" : name;
  }
}

function sayMore(wrong) {
  const more = byId("extend-by");
  byId("extend-error").textContent = wrong ?? "";
  byId("extend-error").hidden = wrong === null;
  if (wrong === null) return more.removeAttribute("aria-invalid");
  more.setAttribute("aria-invalid", "true");
  more.focus();
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
