/** The HTTP API: requests, the key they carry, and errors as one kind of exception. */

import { session } from "./storage.js";

const KEY = "anytime.key";
const EVENT_STREAM = "text/event-stream";

/** The key lives as long as the tab. */
export const apiKey = {
  get: () => session.getItem(KEY) ?? "",
  set: (value) => (value ? session.setItem(KEY, value) : session.removeItem(KEY)),
};

/** A request that got no answer (status 0) or an error for an answer. `withKey`: whether it was sent with a key. */
export class ApiError extends Error {
  constructor(status, { type = "", message = "", param = null } = {}, { retryAfter = null, withKey = false } = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
    this.retryAfter = retryAfter;
    this.withKey = withKey;
  }
}

/** Where the server is: the page may stand behind a prefix. */
export const url = (path) => new URL(path, document.baseURI.split("#")[0]).href;

/** Start a session; resolves to the response whose body is its event stream. */
export const openReason = (body, signal) => send("POST", "reason", { body, signal, headers: { Accept: EVENT_STREAM } });

/** The stream of a session after an event. */
export const openEvents = (id, after, signal) =>
  send("GET", `reason/${encodeURIComponent(id)}/events`, {
    signal,
    headers: { Accept: EVENT_STREAM, "Last-Event-ID": String(after) },
  });

export const answerNow = (id) => json("POST", `reason/${encodeURIComponent(id)}/answer_now`);
export const cancel = (id) => json("DELETE", `reason/${encodeURIComponent(id)}`);
export const models = () => json("GET", "v1/models");
export const readiness = () => json("GET", "readyz");

/** Grant so many thinking tokens more; safe to send again, by its key. */
export const extend = (id, tokens) =>
  json("POST", `reason/${encodeURIComponent(id)}/extend?budget=${encodeURIComponent(`+${tokens}`)}`, {
    headers: { "Idempotency-Key": randomKey() },
  });

async function json(method, path, options) {
  return (await send(method, path, options)).json();
}

async function send(method, path, { body, headers = {}, signal } = {}) {
  const key = apiKey.get();
  const response = await fetch(url(path), {
    method,
    signal,
    cache: "no-store",
    headers: {
      ...(body && { "Content-Type": "application/json" }),
      ...(key && { Authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: body && JSON.stringify(body),
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new ApiError(0, { type: "network_error", message: error.message });
  });
  if (!response.ok) throw await failure(response, key !== "");
  return response;
}

async function failure(response, withKey) {
  const text = await response.text();
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    error = { message: text.slice(0, 300) }; // A proxy's own page, say.
  }
  return new ApiError(response.status, error, { retryAfter, withKey });
}

// crypto.randomUUID is only there on secure origins.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
