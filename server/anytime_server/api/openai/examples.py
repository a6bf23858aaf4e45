"""Examples of requests to OpenAI's routes, and of what came back from the embedded model."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

QUESTION = {"role": "user", "content": "largest of 37+48, 9*8, 91-16"}

CHATS: dict[str, Any] = {
    "effort": {
        "summary": "A question, with OpenAI's own word for the budget",
        "value": {"model": "anytime-tiny", "messages": [QUESTION], "reasoning_effort": "low", "temperature": 0},
    },
    "budget": {
        "summary": "An exact budget, and interim answers on the way",
        "value": {"messages": [QUESTION], "budget": 40, "checkpoints": {"every": 10}},
    },
    "stream": {
        "summary": "Two choices as a stream, with the usage at its end",
        "value": {
            "messages": [{"role": "system", "content": "You are careful."}, QUESTION],
            "max_completion_tokens": 200,
            "n": 2,
            "seed": 7,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    },
}
"""Bodies of `POST /v1/chat/completions`, by name."""

COMPLETIONS: dict[str, Any] = {
    "text": {
        "summary": "A text to go on with",
        "value": {"prompt": "largest of 37+48, 9*8, 91-16\n", "max_tokens": 24, "temperature": 0, "stop": "\n\n"},
    },
    "several": {
        "summary": "Two prompts, two choices of each, with the likeliest tokens",
        "value": {"prompt": ["9*8=", "7*6="], "max_tokens": 8, "n": 2, "logprobs": 3, "seed": 7},
    },
}
"""Bodies of `POST /v1/completions`, by name."""

RESPONSES: dict[str, Any] = {
    "question": {"summary": "A question", "value": {"input": QUESTION["content"], "reasoning": {"effort": "low"}}},
    "turns": {
        "summary": "A second turn: the items of the first, its reasoning included, and a message",
        "value": {
            "instructions": "You are careful.",
            "input": [
                QUESTION,
                {
                    "type": "reasoning",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "37+48=85 best 85"}],
                },
                {"role": "assistant", "content": [{"type": "output_text", "text": "85 is the largest."}]},
                {"role": "user", "content": "smallest of 45+8, 7*6, 90-21"},
            ],
            "budget": 40,
            "max_output_tokens": 200,
            "stream": True,
        },
    },
}
"""Bodies of `POST /v1/responses`, by name."""


@cache
def recorded() -> dict[str, Any]:
    """Return what the embedded model answered, as `docs/scripts/record_openai.py` wrote it."""
    text = files(__package__).joinpath("recorded.json").read_text(encoding="utf-8")
    answered: dict[str, Any] = json.loads(text)
    return answered
