/** The thinking's panel: open while it grows, folded once the answer is there, unless the reader chose otherwise. */

import { copy } from "./clipboard.js";
import { byId, flag } from "./dom.js";
import { spent } from "./phrases.js";
import { isRunning } from "./state.js";

/**
 * @param {{state: object}} store
 * @returns {{show: (state: object) => void, open: () => void}}
 */
export function createFold(store) {
  const panel = byId("thinking-card");
  const pane = byId("thinking");
  const expand = byId("thinking-expand");
  let session = null;
  let chosen = false;

  // Only a reader clicks; the page opens and closes the panel too.
  byId("thinking-fold").addEventListener("click", () => {
    chosen = true;
  });
  byId("thinking-copy").addEventListener("click", () => copy(store.state.thinking, "Thinking copied"));
  expand.addEventListener("click", () => {
    const whole = expand.getAttribute("aria-expanded") !== "true";
    expand.setAttribute("aria-expanded", String(whole));
    expand.textContent = whole ? "Shrink" : "Expand";
    flag(pane, "whole", whole);
  });

  return {
    show(state) {
      if (state.session !== session) [session, chosen] = [state.session, false];
      if (!chosen) panel.open = isRunning(state) || state.phase !== "completed";
      byId("thinking-size").textContent = panel.open ? "" : spent(state);
    },
    open() {
      chosen = true;
      panel.open = true;
    },
  };
}
