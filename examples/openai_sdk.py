"""Ask with the OpenAI SDK: a budget, interim answers, and an early end (`pip install openai`)."""

from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="none")
stream = client.chat.completions.create(
    model="anytime-tiny",
    messages=[{"role": "user", "content": "smallest of 61+14, 90-3, 21+9, 7*12, 27+49, 9*10, 7+49, 55+16"}],
    stream=True,
    seed=6,
    extra_body={"budget": 240, "checkpoints": {"every": 15}, "stop_when": {"stable": 3}},
)

for chunk in stream:
    choice = chunk.choices[0]
    # What OpenAI's format has no place for comes as one more field, `anytime`.
    if checkpoint := getattr(choice, "anytime", {}).get("checkpoint"):
        print(f"after {checkpoint['at']} tokens: {checkpoint['value']}")
    print(choice.delta.content or "", end="", flush=True)
print()
