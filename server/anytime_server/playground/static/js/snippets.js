/** The request on show, whole, as something to paste elsewhere. Pure functions from a state to text. */

import { messagesOf } from "./conversation.js";

/** @type {Record<string, (state: object, origin: string, withKey: boolean) => string>} */
export const SNIPPETS = { curl, python, openai, typescript };
export const NAMES = { curl: "curl", python: "Python", openai: "OpenAI SDK", typescript: "TypeScript" };

function curl({ request }, origin, withKey) {
  const { budget, ...body } = request;
  const lines = [
    `curl -N "${origin}/reason${budget === undefined ? "" : `?budget=${budget}`}"`,
    `-H "Content-Type: application/json" -H "Accept: text/event-stream"`,
    ...(withKey ? [`-H "Authorization: Bearer $ANYTIME_API_KEY"`] : []),
    `-d '${JSON.stringify(body).replaceAll("'", `'\\''`)}'`,
  ];
  return lines.join(" \\\n     ");
}

function python({ request }, origin) {
  const { prompt, messages, ...fields } = request;
  return `from anytime_client import Anytime

client = Anytime(base_url=${literal(origin)})
with client.stream(
    ${[literal(messages ?? prompt), ...keywords(fields)].join(",\n    ")},
) as stream:
    for event in stream:
        if event.type == "checkpoint.answer":
            print(event.at, event.value, event.confidence)
    print(stream.document.answer.text)
`;
}

/** What OpenAI's SDK has no argument for goes into `extra_body`. */
function openai({ request, model }, origin, withKey) {
  const { temperature, seed, prompt, messages, ...extra } = request;
  const given = {
    model,
    messages: messagesOf(request),
    ...(temperature !== undefined && { temperature }),
    ...(seed !== undefined && { seed }),
    extra_body: extra,
  };
  const key = withKey ? `os.environ["ANYTIME_API_KEY"]` : `"unused"`;
  return `${withKey ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url=${literal(`${origin}/v1`)}, api_key=${key})
completion = client.chat.completions.create(
    ${keywords(given).join(",\n    ")},
)
print(completion.choices[0].message.content)
`;
}

/** There is no type in it that is not inferred, so it is JavaScript too. */
function typescript({ request }, origin, withKey) {
  const key = withKey ? ", Authorization: `Bearer ${process.env.ANYTIME_API_KEY}`" : "";
  return `const response = await fetch(${literal(`${origin}/reason`)}, {
  method: "POST",
  headers: { "Content-Type": "application/json", Accept: "text/event-stream"${key} },
  body: JSON.stringify(${JSON.stringify(request, null, 2).replaceAll("\n", "\n  ")}),
});
if (!response.ok || !response.body) throw new Error(await response.text());

const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
let unread = "";
for (let part = await reader.read(); !part.done; part = await reader.read()) {
  const events = (unread + part.value).split("\\n\\n");
  unread = events.pop() ?? ""; // the last one has not come whole
  for (const text of events) {
    const data = text.split("\\n").find((line) => line.startsWith("data: "));
    if (!data) continue; // a sign of life
    const event = JSON.parse(data.slice("data: ".length));
    if (event.type === "checkpoint.answer") console.log(event.at, event.value, event.confidence);
    if (event.type === "reason.completed") console.log(event.document.answer.text);
    if (event.type === "reason.failed") throw new Error(event.document.error.message);
  }
}
`;
}

const keywords = (fields) => Object.entries(fields).map(([name, value]) => `${name}=${literal(value)}`);

/** JSON as Python: strings and numbers are written alike. */
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, item]) => `${JSON.stringify(name)}: ${literal(item)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}
