// Ask, and watch the answer sharpen. Needs no package: run it with Node 22.18 or newer, Deno or Bun.

const response = await fetch("http://localhost:8000/reason?budget=240", {
  method: "POST",
  headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
  body: JSON.stringify({
    prompt: "smallest of 61+14, 90-3, 21+9, 7*12, 27+49, 9*10, 7+49, 55+16",
    seed: 6,
    checkpoints: { every: 15 },
    stop_when: { stable: 3 },
  }),
});
if (!response.ok || !response.body) throw new Error(await response.text());

const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
let unread = "";
for (let part = await reader.read(); !part.done; part = await reader.read()) {
  const events = (unread + part.value).split("\n\n");
  unread = events.pop() ?? ""; // the last one has not come whole
  for (const text of events) {
    const data = text.split("\n").find((line) => line.startsWith("data: "));
    if (!data) continue; // a sign of life
    const event = JSON.parse(data.slice("data: ".length));
    if (event.type === "checkpoint.answer") console.log(`after ${event.at} tokens: ${event.value}`);
    if (event.type === "reason.completed") console.log(event.document.answer.text);
    if (event.type === "reason.failed") throw new Error(event.document.error.message);
  }
}
