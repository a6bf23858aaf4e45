/** The address: `#/s/<session>`, with the question beside it for whoever the link is sent to. */

const SESSION = /^#\/s\/([\w.-]+)(?:\?q=(.*))?$/;
const MOST_QUESTION = 600;

/** @returns {{id: string, question: string|null}|null} */
export function sessionIn(hash) {
  const found = SESSION.exec(hash);
  return found && { id: found[1], question: found[2] ? unescapeText(found[2]) : null };
}

export const sessionHash = (id) => `#/s/${id}`;

/** The link to share; only the hash knows the question, so it never reaches a server's log. */
export function shareLink(id, question) {
  const page = location.href.split("#")[0];
  const told = question && question.length <= MOST_QUESTION ? `?q=${encodeURIComponent(question)}` : "";
  return `${page}${sessionHash(id)}${told}`;
}

function unescapeText(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // A mangled link still opens its session.
  }
}
