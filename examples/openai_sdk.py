"""Ask with the OpenAI SDK: a budget, interim answers, and an early end (`pip install openai`)."""

from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="none")
stream = client.chat.completions.create(
    model="anytime-tiny",
    messages=[{"role": "user", "content": "smallest of 46+17, 2*7, 4*3, 22+26, 89-60, 73-48"}],
    stream=True,
    extra_body={"budget": 120, "checkpoints": {"every": 10}, "stop_when": {"stable": 3}},
)

for chunk in stream:
    choice = chunk.choices[0]
    # What OpenAI's format has no place for comes as one more field, `anytime`.
    if checkpoint := getattr(choice, "anytime", {}).get("checkpoint"):
        print(f"after {checkpoint['at']} tokens: {checkpoint['value']}")
    print(choice.delta.content or "", end="", flush=True)
print()
