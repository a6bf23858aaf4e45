/** The request on show as something to paste elsewhere. Pure functions from a state to text. */

/** @type {Record<string, (state: object, origin: string, withKey: boolean) => string>} */
export const SNIPPETS = { curl, python, openai };

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
  const { prompt, ...fields } = request;
  return `from anytime_client import Anytime

client = Anytime(base_url=${literal(origin)})
with client.stream(${[literal(prompt), ...keywords(fields)].join(", ")}) as stream:
    for event in stream:
        if event.type == "checkpoint.answer":
            print(event.at, event.value, event.confidence)
    print(stream.document.answer.text)
`;
}

function openai({ request, model }, origin, withKey) {
  const { prompt, temperature, budget } = request;
  const sampling = temperature === undefined ? "" : `\n    temperature=${temperature},`;
  const thinking = budget === undefined ? "" : `\n    extra_body={"budget": ${budget}},`;
  return `import os

from openai import OpenAI

client = OpenAI(base_url=${literal(`${origin}/v1`)}, api_key=${withKey ? `os.environ["ANYTIME_API_KEY"]` : `"unused"`})
completion = client.chat.completions.create(
    model=${literal(model)},
    messages=[{"role": "user", "content": ${literal(prompt)}}],${sampling}${thinking}
)
print(completion.choices[0].message.content)
`.replace(withKey ? "" : "import os\n\n", "");
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
