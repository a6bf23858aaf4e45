/** Asks for the API key. */

import { apiKey } from "./api.js";
import { byId } from "./dom.js";

/** @param {() => void} onKey is called once there is a new key */
export function createKeyDialog(onKey) {
  const dialog = byId("key-dialog");
  const open = () => {
    byId("key-open").hidden = false;
    byId("key").value = apiKey.get();
    if (!dialog.open) dialog.showModal();
  };
  byId("key-open").addEventListener("click", open);
  byId("key-open").hidden = !apiKey.get();
  dialog.addEventListener("close", () => {
    const key = byId("key").value.trim();
    byId("key").value = "";
    if (dialog.returnValue !== "save") return;
    apiKey.set(key);
    onKey();
  });
  return open;
}
