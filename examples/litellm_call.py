"""Ask with LiteLLM (`pip install litellm`). `extra_body` holds what OpenAI's API has no name for."""

import litellm

reply = litellm.completion(
    model="openai/anytime-tiny",
    api_base="http://localhost:8000/v1",
    api_key="none",
    messages=[{"role": "user", "content": "smallest of 46+17, 2*7, 4*3, 22+26, 89-60, 73-48"}],
    extra_body={"budget": 120, "checkpoints": {"every": 10}, "stop_when": {"stable": 3}},
)
print(reply.choices[0].message.content)
print("thinking tokens:", reply.usage.completion_tokens_details.reasoning_tokens)
