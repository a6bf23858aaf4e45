"""Examples of requests, and of what came back for the first of them: a recorded run of the embedded model."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

RECORDED_REQUEST = {
    "prompt": "smallest of 66+8, 7*6, 90-21, 33+44, 81-50",
    "budget": 120,
    "checkpoints": {"every": 15},
    "temperature": 0,
}

REQUESTS: dict[str, Any] = {
    "checkpoints": {"summary": "An interim answer every 15 thinking tokens", "value": RECORDED_REQUEST},
    "prompt": {"summary": "A question and nothing else", "value": {"prompt": "largest of 37+48, 9*8, 91-16"}},
    "stream": {
        "summary": "As server-sent events, with half a minute to come back after a dropped connection",
        "value": {"prompt": "12+7+25+9", "budget": 200, "stream": True, "grace_ms": 30_000},
    },
    "settled": {
        "summary": "Five votes at each checkpoint; stop thinking once the answer has stood for three",
        "value": {
            "messages": [
                {"role": "system", "content": "You are careful."},
                {"role": "user", "content": "closest to 50: 37+48, 9*8, 91-16"},
            ],
            "budget": 160,
            "interim": {"samples": 5, "temperature": 1.0, "max_tokens": 32},
            "stop_when": {"stable": 3, "confidence": 0.99, "loop": True},
        },
    },
    "in time": {
        "summary": "A short answer within two seconds",
        "value": {"prompt": "sum of 12, 7, 25", "budget": 500, "deadline_ms": 2000, "answer": "short"},
    },
    "background": {
        "summary": "Start it, and read it later by its id",
        "value": {"prompt": "9*8", "budget": 64, "checkpoints": [16, 32], "background": True, "seed": 7},
    },
}
"""Bodies of `POST /reason`, by name."""


@cache
def recorded_run() -> dict[str, Any]:
    """Return the recorded run: its `document` and its `events`, as `docs/scripts/record_run.py` wrote them."""
    recorded = files(__package__).joinpath("recorded_run.json")
    run: dict[str, Any] = json.loads(recorded.read_text(encoding="utf-8"))
    return run


def recorded_document() -> dict[str, Any]:
    """Return the document of the recorded run."""
    document: dict[str, Any] = recorded_run()["document"]
    return document


def recorded_events() -> list[dict[str, str]]:
    """Return a server-sent event of each type in the recorded run, the last of its type."""
    by_type = {event["type"]: event for event in recorded_run()["events"]}
    return [
        {"id": str(event["sequence_number"]), "event": type, "data": json.dumps(event, separators=(",", ":"))}
        for type, event in by_type.items()
    ]
