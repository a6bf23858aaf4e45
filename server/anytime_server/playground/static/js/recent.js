/** The list of recent sessions. */

import { byId, element } from "./dom.js";
import { entries, forgetAll, written } from "./history.js";
import { sessionHash } from "./route.js";

/**
 * @param {() => void} onForget is called when the list has been cleared
 * @param {(entry: {id: string, colour: string}) => string} colourOf a session's answer, as the page shows it now
 * @returns {(id: string|null) => void} shows the list, and which of its sessions is on show
 */
export function createRecent(onForget, colourOf) {
  let current = null;

  const render = () => {
    const known = entries();
    byId("history").hidden = known.length === 0;
    byId("history-list").replaceChildren(...known.map((entry) => row({ ...entry, colour: colourOf(entry) }, current)));
  };

  byId("history-clear").addEventListener("click", () => {
    forgetAll();
    onForget();
    render();
    byId("question").focus();
  });
  window.addEventListener("storage", (event) => {
    if (event.newValue === null || written(event)) render();
  });

  return (id) => {
    current = id;
    render();
  };
}

function row({ id, question, words, colour }, current) {
  const link = element(
    "a",
    { href: sessionHash(id), "aria-current": id === current && "true" },
    element("span", { class: "history-question" }, question || "A shared session"),
    element("span", { class: `history-value ${colour}` }, words),
  );
  return element("li", {}, link);
}
