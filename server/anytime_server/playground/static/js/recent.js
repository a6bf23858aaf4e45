/** The list of recent sessions. */

import { byId, element } from "./dom.js";
import { entries, forgetAll } from "./history.js";
import { sessionHash } from "./route.js";

export function createRecent() {
  let current = null;

  const render = () => {
    const known = entries();
    byId("history").hidden = known.length === 0;
    byId("history-list").replaceChildren(...known.map((entry) => row(entry, current)));
  };

  byId("history-clear").addEventListener("click", () => {
    forgetAll();
    render();
    byId("question").focus();
  });
  window.addEventListener("storage", render);

  return (id) => {
    current = id;
    render();
  };
}

function row({ question, words, colour, kept }, current) {
  const link = element(
    "a",
    { href: sessionHash(kept.id), "aria-current": kept.id === current && "true" },
    element("span", { class: "history-question" }, question || "A shared session"),
    element("span", { class: `history-value ${colour}` }, words),
  );
  return element("li", {}, link);
}
