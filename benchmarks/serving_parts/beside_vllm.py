"""Streams of /v1/chat/completions from `anytime serve`, beside the same from vLLM's own server on the same model.

Both servers run at the same time, as processes of their own, and are asked turn by turn: one is idle meanwhile. Both
generate the same number of tokens for the same questions. Ours thinks to its budget, closes the thinking and answers;
vLLM's knows no budget here and generates as many tokens of plain text, which is the least that it can do.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from harness.measure import Series, expect, interleave
from harness.report import Row
from serving_parts.load_process import Generator, load_process
from serving_parts.processes import Server, anytime_command, spawned, vllm_command
from serving_parts.sizes import Load, Sizes
from serving_parts.subject import engine_options, read_format

OURS, VLLM = "anytime serve", "vLLM's own server"
BAR_STREAMS, BAR = 64, 1.0
LONGER = "the model ended by itself: measure the random model, or one that thinks for longer"

Body = Callable[[str], dict[str, Any]]
"""From a question to the request that asks it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One round of one server: tokens per second, and the milliseconds to a stream's first token (their median)."""

    speed: float
    first_token_ms: float


def measure(model: str, options: Mapping[str, Any], sizes: Sizes) -> list[Row]:
    """Return tokens/s and the time to the first token at every load, and their ratios."""
    options = engine_options("vllm", options)
    commands = {
        OURS: lambda port: anytime_command("vllm", model, port, options),
        VLLM: lambda port: vllm_command(model, port, options),
    }
    with ExitStack() as running:
        servers = {name: running.enter_context(spawned(name, command)) for name, command in commands.items()}
        names = {name: _served_name(server) for name, server in servers.items()}
        tokens = sizes.server_budget + len(read_format(model).closing_ids) + sizes.answer_tokens
        bodies: dict[str, Body] = {
            OURS: partial(_our_body, names[OURS], sizes),
            VLLM: partial(_vllm_body, names[VLLM], tokens),
        }
        return asyncio.run(_measure_loads(servers, bodies, tokens, sizes))


async def _measure_loads(servers: dict[str, Server], bodies: dict[str, Body], tokens: int, sizes: Sizes) -> list[Row]:
    rows: list[Row] = []
    numbers = itertools.count()
    async with load_process() as generator:
        for load in sizes.server:
            sides = {
                name: partial(_round, generator, server, bodies[name], numbers, load.streams, tokens)
                for name, server in servers.items()
            }
            for warm_up in sides.values():
                await warm_up()
            rows += _rows(load, await interleave(sides, load.rounds))
    return rows


async def _round(
    generator: Generator, server: Server, body: Body, numbers: "itertools.count[int]", streams: int, tokens: int
) -> Finished:
    """Ask `streams` new questions at once and read the answers to their ends."""
    questions = [f"{next(numbers):06d}: how many primes are there below?" for _ in range(streams)]
    result = await generator.run(server.port, [body(question) for question in questions], "/v1/chat/completions")
    for stream in result["streams"]:
        expect("HTTP status", stream["status"], 200, str(stream.get("error")))
        expect("last event", stream["last"], "[DONE]", f"{server.name} broke off")
        expect(f"tokens of {server.name}", stream["usage"]["completion_tokens"], tokens, LONGER)
    first_s = median(stream["first_s"] for stream in result["streams"])
    return Finished(streams * tokens / result["wall_s"], first_s * 1000)


def _rows(load: Load, measured: dict[str, list[Finished]]) -> list[Row]:
    section = f"vllm: chat completions, {load.streams} at once"
    speeds = {name: Series.of(run.speed for run in runs) for name, runs in measured.items()}
    firsts = {name: Series.of(run.first_token_ms for run in runs) for name, runs in measured.items()}
    bar = BAR if load.streams == BAR_STREAMS else None
    return [
        *(Row(section, name, speed, "tokens/s") for name, speed in speeds.items()),
        Row(section, f"{OURS} / {VLLM}", speeds[OURS].over(speeds[VLLM]), "x", bar=bar),
        *(Row(section, f"first token, {name}", first, "ms", better="lower") for name, first in firsts.items()),
        Row(section, f"first token, {OURS} / {VLLM}", firsts[OURS].over(firsts[VLLM]), "x", better="lower"),
    ]


def _our_body(model: str, sizes: Sizes, question: str) -> dict[str, Any]:
    lengths = {"budget": sizes.server_budget, "checkpoints": [], "max_answer_tokens": sizes.answer_tokens}
    return {**_chat(model, question), **lengths}


def _vllm_body(model: str, tokens: int, question: str) -> dict[str, Any]:
    return {**_chat(model, question), "max_tokens": tokens, "ignore_eos": True}


def _chat(model: str, question: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}


def _served_name(server: Server) -> str:
    """Wait until the server is ready, and return the name of the model that it serves."""
    response = server.connect(lambda connection: connection.request("GET", "/v1/models"))
    return str(json.loads(response.read())["data"][0]["id"])
