/** Asks for the API key. */

import { apiKey } from "./api.js";
import { byId } from "./dom.js";

/** What a header can carry. */
const POSSIBLE = /^[\x21-\x7e]+$/;

/**
 * @param {() => void} onKey is called once there is a new key
 * @returns {(wrong?: boolean) => void} opens the dialog; `wrong`: the server refused the key that it was sent
 */
export function createKeyDialog(onKey) {
  const dialog = byId("key-dialog");
  const field = byId("key");

  const say = (error) => {
    byId("key-error").textContent = error;
    byId("key-error").hidden = error === "";
    if (error) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  };
  const open = (wrong = false) => {
    byId("key-open").hidden = false;
    field.value = apiKey.get();
    say(wrong ? "This key is wrong: the server doesn’t know it." : "");
    if (!dialog.open) dialog.showModal();
    field.focus();
    field.select();
  };

  byId("key-open").addEventListener("click", () => open());
  byId("key-open").hidden = !apiKey.get();
  field.addEventListener("input", () => say(""));
  byId("key-cancel").addEventListener("click", () => dialog.close("cancel"));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    const key = field.value.trim();
    if (key === "" || POSSIBLE.test(key)) return;
    event.preventDefault();
    say("A key has letters, digits and punctuation, and no spaces.");
    field.focus();
  });
  dialog.addEventListener("close", () => {
    const key = field.value.trim();
    field.value = "";
    if (dialog.returnValue !== "save") return;
    apiKey.set(key);
    onKey();
  });
  return open;
}
