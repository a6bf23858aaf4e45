"""Whether the model loads, thinks and keeps a budget: one real session on the real engine."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anytime_server.doctor.findings import Finding, failure
from anytime_server.errors import AnytimeError

if TYPE_CHECKING:
    from anytime_client.protocol import ReasonDocument
    from anytime_server.controller import ThinkingFormat
    from anytime_server.engines import Engine

PROMPT = "largest of 37+48, 9*8, 91-16"
BUDGET = 16
"""Thinking tokens, all of which must be spent; one interim answer is branched half way."""


def check_load(
    engine: str,
    model: str,
    options: Mapping[str, Any],
    thinking_format: str,
    *,
    urls: Sequence[str] = (),
    engine_key: str | None = None,
) -> Finding:
    """Load `model`, have it think for a few tokens and answer, and free it again."""
    from anytime_server.controller import FormatError
    from anytime_server.engines.choice import create_engine
    from anytime_server.engines.hub import look_up

    # vLLM logs to the standard output, which is the report's.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    with _stdout_to_stderr():
        try:
            look_up(model)
            created = create_engine(engine, model, options, urls=urls, api_key=engine_key)
            return asyncio.run(trial(created, thinking_format))
        except (AnytimeError, FormatError, ImportError) as error:
            return failure("load", error)


async def trial(engine: "Engine", format_name: str) -> Finding:
    """Start `engine`, run one session on it and stop it.

    Raises:
        EngineError: if the engine fails.
        FormatError: if the model does not think, or in an unknown format.
    """
    from anytime_server.controller import ThinkingFormat

    begun = time.monotonic()
    try:
        await engine.start()
        loaded_s = time.monotonic() - begun
        format = ThinkingFormat.resolve(engine.tokenizer, format_name)
        document = await _session(engine, format)
        return _judge(document, engine, format, loaded_s)
    finally:
        await engine.stop()


async def _session(engine: "Engine", format: "ThinkingFormat") -> "ReasonDocument":
    from anytime_client.protocol import ReasonRequest
    from anytime_server.reasoning import Reasoner

    request = ReasonRequest(
        prompt=PROMPT, budget=BUDGET, min_budget=BUDGET, checkpoints=[BUDGET // 2], answer="short", temperature=0.0
    )
    return await Reasoner(engine, format).submit(request).wait()


def _judge(document: "ReasonDocument", engine: "Engine", format: "ThinkingFormat", loaded_s: float) -> Finding:
    from anytime_server.controller import thinks

    if document.error is not None:
        return Finding("load", "fail", f"loaded, but a session failed: {document.error.message}")
    if document.budget.spent != BUDGET:
        text = f"loaded, but spent {document.budget.spent} thinking tokens where {BUDGET} were asked for"
        return Finding("load", "fail", text, "report this with the model's name: the engine does not keep its budget")
    total_s = (document.timings.total_ms or 0) / 1000
    details = {
        "load_s": round(loaded_s, 2),
        "session_s": round(total_s, 3),
        "open": format.markers.open,
        "close": format.markers.close,
        "context_tokens": engine.limits.max_model_len,
        "answer": document.answer.text if document.answer else None,
    }
    text = (
        f"loaded in {loaded_s:.1f} s; thinks between {format.markers.open!r} and {format.markers.close!r}; "
        f"{BUDGET} thinking tokens, an interim and a final answer in {total_s:.2f} s; "
        f"context {engine.limits.max_model_len} tokens"
    )
    if not thinks(engine.tokenizer, format.markers):
        text += ". Its chat template never opens the thinking, so it may spend whole budgets on what is none"
        return Finding("load", "warning", text, "serve a model that thinks", details)
    return Finding("load", "ok", text, details=details)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Have everything that writes to file descriptor 1, child processes included, write to 2."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
