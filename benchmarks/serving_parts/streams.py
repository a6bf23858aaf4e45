"""Server-sent events at many concurrent streams through the real HTTP server, against the bare engine loop."""

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from anytime_client.protocol import ReasonDocument, ReasonRequest
from anytime_server.controller import BudgetPolicy
from anytime_server.engines import EngineRequest, Thinking
from harness.measure import Series, expect, interleave
from harness.report import Row
from serving_parts.load_process import Generator, load_process
from serving_parts.sizes import Load, Sizes
from serving_parts.subject import Subject

ENGINE, SESSIONS, STREAMS = "bare engine loop", "sessions, no HTTP", "SSE streams"
BAR_STREAMS, BAR = 64, 0.95
LONGER = "the model ended by itself: measure the random model, or one that thinks for longer"


@dataclass(frozen=True, slots=True)
class Finished:
    """One round of one side: tokens per second, CPU seconds per second of the server and of the load generator."""

    speed: float
    server_cpu: float
    client_cpu: float = 0.0


async def measure(subject: Subject, sizes: Sizes) -> list[Row]:
    """Return tokens/s of every side at every load, their ratios, and what the load generator took."""
    rows: list[Row] = []
    async with load_process() as generator:
        for load in sizes.streaming:
            run = partial(_Round, subject, sizes, load.streams)
            sides = {
                ENGINE: lambda run=run: run().engine(),
                SESSIONS: lambda run=run: run().sessions(),
                STREAMS: lambda run=run: run().streams(generator),
            }
            await sides[STREAMS]()
            rows += _rows(subject, load, await interleave(sides, load.rounds))
    return rows


def _rows(subject: Subject, load: Load, measured: dict[str, list[Finished]]) -> list[Row]:
    section = f"{subject.engine.name}: streaming, {load.streams} at once"
    speeds = {side: Series.of(run.speed for run in runs) for side, runs in measured.items()}
    bar = BAR if load.streams == BAR_STREAMS else None
    streams = measured[STREAMS]
    return [
        *(Row(section, side, speed, "tokens/s") for side, speed in speeds.items()),
        Row(section, f"{SESSIONS} / {ENGINE}", speeds[SESSIONS].over(speeds[ENGINE]), "x", limit=1.0),
        Row(section, f"{STREAMS} / {ENGINE}", speeds[STREAMS].over(speeds[ENGINE]), "x", bar=bar, limit=1.0),
        Row(section, "CPU of this process, bare engine loop", _server_cpu(measured[ENGINE]), "cores"),
        Row(section, "CPU of this process, SSE streams", _server_cpu(streams), "cores"),
        Row(section, "CPU of the load generator", Series.of(run.client_cpu for run in streams), "cores"),
    ]


def _server_cpu(runs: list[Finished]) -> Series:
    return Series.of(run.server_cpu for run in runs)


class _Round:
    """One round: the same number of new questions with the same budget, asked in one of three ways."""

    def __init__(self, subject: Subject, sizes: Sizes, streams: int) -> None:
        self._subject = subject
        self._budget = sizes.streaming_budget
        self._answer_tokens = sizes.answer_tokens
        self._streams = streams
        format = subject.format
        self._tokens = self._budget + len(format.closing_ids) + len(format.cue_ids) + self._answer_tokens

    async def engine(self) -> Finished:
        """Consume the engine's chunks and do nothing with them."""
        policy = BudgetPolicy(self._budget, short_answer=True)
        request = EngineRequest(
            "",
            (),
            self._tokens,
            self._subject.engine.default_sampling,
            thinking=Thinking(policy, self._subject.format),
            logprobs=self._subject.thinks_with_logprobs,
        )
        requests = [
            replace(request, request_id=self._subject.new_id(), prompt_ids=self._subject.new_prompt())
            for _ in range(self._streams)
        ]
        start, cpu_start = time.perf_counter(), time.process_time()
        counts = await asyncio.gather(*map(self._consume, requests))
        finished = self._finished(time.perf_counter() - start, time.process_time() - cpu_start)
        for count in counts:
            expect("tokens generated", count, self._tokens, LONGER)
        return finished

    async def sessions(self) -> Finished:
        """Run sessions and wait for their documents."""
        requests = [ReasonRequest.model_validate(body) for body in self._bodies()]
        start, cpu_start = time.perf_counter(), time.process_time()
        documents = await asyncio.gather(*(self._subject.reasoner.submit(request).wait() for request in requests))
        finished = self._finished(time.perf_counter() - start, time.process_time() - cpu_start)
        for document in documents:
            self._check(document)
        return finished

    async def streams(self, generator: Generator) -> Finished:
        """Let the load generator stream them over HTTP; the time is its own."""
        cpu_start = time.process_time()
        result = await generator.run(self._subject.port, self._bodies(), "/reason")
        server_cpu_s = time.process_time() - cpu_start
        for stream in result["streams"]:
            expect("HTTP status", stream["status"], 200, str(stream.get("error")))
            expect("last event", stream["last"], "reason.completed", "the session failed")
            expect("events without a gap", stream["gapless"], True, "the event log is broken")
            self._check(ReasonDocument.model_validate(stream["document"]))
        return self._finished(result["wall_s"], server_cpu_s, result["cpu_s"])

    async def _consume(self, request: EngineRequest) -> int:
        return sum([len(chunk.token_ids) async for chunk in self._subject.engine.generate(request)])

    def _bodies(self) -> list[dict[str, Any]]:
        rest = {
            "budget": self._budget,
            "checkpoints": [],
            "answer": "short",
            "max_answer_tokens": self._answer_tokens,
        }
        return [{"prompt": self._subject.new_question(), **rest} for _ in range(self._streams)]

    def _check(self, document: ReasonDocument) -> None:
        usage = document.usage
        generated = usage.thinking + usage.forced + usage.answer + usage.discarded
        expect("tokens generated", generated, self._tokens, LONGER)

    def _finished(self, wall_s: float, server_cpu_s: float, client_cpu_s: float = 0.0) -> Finished:
        return Finished(self._streams * self._tokens / wall_s, server_cpu_s / wall_s, client_cpu_s / wall_s)
