"""Ask with LiteLLM (`pip install litellm`). `extra_body` holds what OpenAI's API has no name for."""

import litellm

reply = litellm.completion(
    model="openai/anytime-tiny",
    api_base="http://localhost:8000/v1",
    api_key="none",
    messages=[{"role": "user", "content": "smallest of 61+14, 90-3, 21+9, 7*12, 27+49, 9*10, 7+49, 55+16"}],
    seed=6,
    extra_body={"budget": 240, "checkpoints": {"every": 15}, "stop_when": {"stable": 3}},
)
print(reply.choices[0].message.content)
print("thinking tokens:", reply.usage.completion_tokens_details.reasoning_tokens)
