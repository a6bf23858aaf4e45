"""Seconds from spawning `anytime serve` to its first answer."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

from harness.measure import Series, expect
from harness.report import Row
from serving_parts.processes import anytime_command, spawned
from serving_parts.sizes import Sizes
from serving_parts.subject import engine_options

BAR_S = 15.0
BAR_ENGINE = "transformers"
QUESTION = {"prompt": "largest of 37+48, 9*8, 91-16", "budget": 32, "checkpoints": [], "max_answer_tokens": 16}


def measure(engine: str, model: str, name: str, options: Mapping[str, Any], sizes: Sizes) -> list[Row]:
    """Return how long a server with `model`, shown as `name`, takes to its first answer; no rows for no rounds."""
    rounds = sizes.startup_rounds[engine]
    if rounds == 0:
        return []
    times = Series.of(_seconds_to_answer(engine, model, engine_options(engine, options)) for _ in range(rounds))
    bar = BAR_S if engine == BAR_ENGINE else None
    return [Row(f"{engine}: start-up", f"first answer of {name}", times, "s", bar=bar, better="lower")]


def _seconds_to_answer(engine: str, model: str, options: Mapping[str, Any]) -> float:
    start = time.perf_counter()
    with spawned("`anytime serve`", lambda port: anytime_command(engine, model, port, options)) as server:
        response = server.connect(_ask)
        document = json.loads(response.read())
        elapsed = time.perf_counter() - start
        expect("HTTP status", response.status, 200, str(document.get("error")))
        expect("status of the first session", document["status"], "completed", str(document.get("error")))
        return elapsed


def _ask(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/reason", json.dumps(QUESTION), {"Content-Type": "application/json"})
