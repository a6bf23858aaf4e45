/** The session on show: asks, follows, steers. What happens goes to the store as events. */

import * as api from "./api.js";
import { ApiError } from "./api.js";
import { isRunning } from "./state.js";
import { follow } from "./stream.js";

/** How long the server keeps a session going whose stream has dropped. */
const GRACE_MS = 30_000;

export class Session {
  #store;
  #following = new AbortController();
  #own = false;
  /** The last event that the server is known to have. */
  #promised = 0;

  constructor(store) {
    this.#store = store;
  }

  get state() {
    return this.#store.state;
  }

  /** Ask a question; a session of our own that is still running is given up. */
  async ask(question, request) {
    this.leave();
    this.#own = true;
    this.#store.dispatch({ type: "page.asked", question, request });
    const body = { ...request, grace_ms: GRACE_MS, stream: true };
    await this.#follow((after, id, signal) => (id === null ? api.openReason(body, signal) : readOn(after, id, signal)));
  }

  /**
   * Show a session that exists: from where this browser's copy of it ends, or else from its first event.
   *
   * A copy that has been cut can't be gone on with; it is shown where the server has less.
   *
   * @param {string} id
   * @param {object|null} kept the copy
   * @param {string|null} question as a link tells it
   */
  async open(id, kept, question) {
    this.leave();
    if (kept && !kept.cut) this.#store.dispatch({ type: "page.reopened", kept });
    else {
      const asked = { question: kept?.question ?? question, request: kept?.request ?? null };
      this.#store.dispatch({ type: "page.opened", id, ...asked });
    }
    const { session } = this.state;
    await this.#follow();
    const stopped = this.state.session === session && this.state.error !== null;
    if (kept && stopped) this.#store.dispatch({ type: "page.restored", kept });
  }

  /** Go on following after the connection was lost for good. */
  async reconnect() {
    this.#store.dispatch({ type: "page.resumed" });
    await this.#follow();
  }

  answerNow() {
    return this.#steer(() => api.answerNow(this.state.id));
  }

  cancel() {
    return this.#steer(() => api.cancel(this.state.id));
  }

  /** Think so many tokens more; a session that has ended, maybe just now, is followed again. */
  async extend(tokens) {
    const document = await this.#steer(() => api.extend(this.state.id, tokens));
    if (document === null) return;
    this.#promised = document.last_sequence_number;
    if (!isRunning(this.state)) await this.reconnect();
  }

  /** Stop following. */
  leave() {
    this.#following.abort();
    if (this.#own && isRunning(this.state) && this.state.id) api.cancel(this.state.id).catch(ignoreApiError);
    this.#own = false;
    this.#promised = 0;
  }

  async #follow(open = readOn) {
    this.#following.abort();
    const following = new AbortController();
    this.#following = following;
    const dispatch = (event) => following.signal.aborted || this.#store.dispatch(event);
    try {
      const events = follow({
        open: (after, id) => open(after, id, following.signal),
        id: this.state.id,
        after: this.state.last,
        signal: following.signal,
        onConnection: (connection) => dispatch({ type: "page.connection", connection }),
      });
      for await (const event of events) dispatch(event);
      dispatch({ type: "page.upToDate" });
      if (!following.signal.aborted && this.state.last < this.#promised) await this.reconnect();
    } catch (error) {
      if (following.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      dispatch({ type: "page.failed", error });
    }
  }

  /**
   * Send a request about the session; a refusal is shown beside the session, which goes on.
   *
   * @returns {Promise<object|null>} the session's document; null if refused, or if another session is on show by now
   */
  async #steer(request) {
    const { session } = this.state;
    const dispatch = (event) => this.state.session === session && this.#store.dispatch(event);
    try {
      const document = await request();
      dispatch({ type: "page.accepted" });
      return this.state.session === session ? document : null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      dispatch({ type: "page.refused", error });
      return null;
    }
  }
}

const readOn = (after, id, signal) => api.openEvents(id, after, signal);

function ignoreApiError(error) {
  if (!(error instanceof ApiError)) throw error;
}
