/** Server-sent events from the body of a fetch. */

/**
 * Decode a stream of bytes into messages; comments and messages without data are left out.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @yields {{id: string, event: string, data: string}}
 */
export async function* decode(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let fields = {};
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line) {
          take(fields, line);
        } else {
          if (fields.data !== undefined) yield { id: "", event: "message", ...fields };
          fields = {};
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // A broken connection rejects its own cancel.
  }
}

function take(fields, line) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  fields[name] = name === "data" && fields.data !== undefined ? `${fields.data}\n${value}` : value;
}
