/** Requests as conversations: a system prompt, what was said before, the question. Pure functions. */

/** The fields that carry a question, and the system prompt before it. */
export function asked(question, system = "") {
  if (system === "") return { prompt: question };
  return {
    messages: [
      { role: "system", content: system },
      { role: "user", content: question },
    ],
  };
}

export const messagesOf = (request) => request.messages ?? [{ role: "user", content: request.prompt }];

export const systemOf = (request) => request.messages?.find(({ role }) => role === "system")?.content ?? "";

/**
 * The fields that carry a question which follows a session's answer.
 *
 * A session from a link has no request; its question, if the link tells it, is where the conversation begins.
 */
export function followed({ request, question, document }, next) {
  const before = request ? messagesOf(request) : messagesOf({ prompt: question });
  return {
    messages: [...before, { role: "assistant", content: document.answer.text }, { role: "user", content: next }],
  };
}

/** Whether a question can follow: there is a question, and a whole answer to it. */
export const canFollow = ({ phase, question, document }) =>
  phase === "completed" && Boolean(question) && Boolean(document?.answer?.text);

/** What was asked and answered before the question of a request. */
export function earlier(request) {
  const said = (request?.messages ?? []).filter(({ role }) => role !== "system").slice(0, -1);
  return said.map(({ role, content }) => ({ role, content }));
}
