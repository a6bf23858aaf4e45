/** A session's events, each once and in order, over as many connections as it takes. */

import { ApiError } from "./api.js";
import { decode } from "./sse.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;
const MOST_ATTEMPTS = 12;
const NO_CONTENT = 204;
const TERMINAL = new Set(["reason.completed", "reason.cancelled", "reason.failed"]);

/** Whether an event ends a run of its session. */
const isTerminal = (event) => TERMINAL.has(event.type);

/**
 * Follow a session until its run ends.
 *
 * A dropped connection is opened again after the last event that came, with a wait that grows; a refusal (4xx) is
 * thrown at once, and so is a drop before the session is known, since there is nothing to go on with. Of a session that
 * has ended, and whose every event has been seen, there is nothing to follow.
 *
 * @param {object} how
 * @param {(after: number, id: string|null) => Promise<Response>} how.open opens the stream after an event
 * @param {string|null} how.id the session, if it is known
 * @param {number} how.after the last event that has been seen
 * @param {AbortSignal} how.signal ends it
 * @param {(state: "open"|"reconnecting") => void} how.onConnection
 * @yields events as the API defines them
 */
export async function* follow({ open, id = null, after = 0, signal, onConnection }) {
  let attempts = 0;
  for (;;) {
    let drop = new ApiError(0, { message: "the stream ended early" });
    try {
      const response = await open(after, id);
      onConnection("open");
      if (response.status === NO_CONTENT) return;
      for await (const message of decode(response.body)) {
        const event = JSON.parse(message.data);
        if (event.sequence_number <= after) continue;
        attempts = 0;
        after = event.sequence_number;
        id ??= event.id;
        yield event;
        if (isTerminal(event)) return;
      }
    } catch (error) {
      if (!isDrop(error)) throw error;
      drop = error instanceof ApiError ? error : new ApiError(0, { message: error.message });
    }
    signal.throwIfAborted();
    if (id === null || attempts >= MOST_ATTEMPTS) throw drop;
    onConnection("reconnecting");
    await pause(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts), signal);
    attempts += 1;
  }
}

/** No answer, a stream that broke off, or a server that is not up (yet). */
function isDrop(error) {
  return error instanceof ApiError ? error.status === 0 || error.status >= 502 : error instanceof TypeError;
}

/** Wait; the browser coming back online ends the wait. */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const done = (act) => () => {
      clearTimeout(timer);
      window.removeEventListener("online", wake);
      signal.removeEventListener("abort", stop);
      act();
    };
    const wake = done(resolve);
    const stop = done(() => reject(signal.reason));
    const timer = setTimeout(wake, ms);
    window.addEventListener("online", wake);
    signal.addEventListener("abort", stop);
  });
}
