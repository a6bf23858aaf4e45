/** Copying, and saying that it was done. */

import { byId, element } from "./dom.js";

const TOAST_MS = 2200;
let timer = null;

/** Copy text and say so. */
export async function copy(text, said) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyBySelection(text);
  toast(said);
}

function toast(text) {
  clearTimeout(timer);
  byId("toast").textContent = text;
  timer = setTimeout(() => {
    byId("toast").textContent = "";
  }, TOAST_MS);
}

/** The clipboard API is only there on secure origins; a server on the local network is none. */
function copyBySelection(text) {
  const area = element("textarea", { class: "visually-hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
