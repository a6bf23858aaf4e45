/** What is served: the model's name, and the largest budget it takes. */

import { ApiError, models, readiness } from "./api.js";
import { byId } from "./dom.js";

/**
 * Ask the server; nothing is known where it does not answer.
 *
 * @returns {Promise<{model: string|null, most: number|null, refused: boolean}>}
 */
export async function served() {
  const [card, ready] = await Promise.all([tried(models), tried(readiness)]);
  const model = card.value?.data?.[0]?.id ?? ready.value?.model ?? null;
  const extra = card.value?.data?.[0]?.anytime ?? {};
  show(model, ready.value?.status === "ready");
  return { model, most: extra.max_budget ?? null, usual: extra.default_budget ?? null, refused: card.error?.status === 401 };
}

function show(model, ready) {
  byId("served").hidden = false;
  byId("served").dataset.ready = String(ready);
  byId("served-model").textContent = model ?? "The server is not ready";
}

async function tried(request) {
  try {
    return { value: await request() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { error };
  }
}
