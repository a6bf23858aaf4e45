/** What is served: the model's name, the largest budget it takes, and whether its error rate can be bounded. */

import { ApiError, models, readiness } from "./api.js";
import { byId } from "./dom.js";

const THINKING_SHARE = 0.75;

/**
 * Ask the server; nothing is known where it does not answer.
 *
 * The card of the model names the server's own bound on budgets; without one the context is the bound, of which the
 * prompt and the answer need their share.
 *
 * @returns {Promise<{model: string|null, most: number|null, usual: number|null, calibration: object|null|undefined,
 *   refusal: ApiError|null}>} `calibration` is null if the server has none; `refusal` if it wants a key, or another one
 */
export async function served() {
  const [card, ready] = await Promise.all([tried(models), tried(readiness)]);
  const { id = ready.value?.model ?? null, max_model_len: context = 0, anytime = {} } = card.value?.data?.[0] ?? {};
  show(id, ready.value?.status === "ready");
  return {
    model: id,
    most: anytime.max_budget ?? (Math.floor(context * THINKING_SHARE) || null),
    usual: anytime.default_budget ?? null,
    calibration: anytime.calibration,
    refusal: card.error?.status === 401 ? card.error : null,
  };
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
