"""Whether a server is as large after thousands of sessions as it was after some: its memory and file descriptors."""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.measure import Series, expect
from harness.report import Row
from serving_parts.load_process import Generator, load_process
from serving_parts.processes import Server, anytime_command, spawned
from serving_parts.sizes import Sizes
from serving_parts.subject import engine_options

AT_ONCE = 32
TTL_S = 1
SETTLED_S = 5.0
"""Longer than ended sessions are kept, and than connections take to close."""
BAR_RSS, BAR_DESCRIPTORS = 1.05, 1.0
QUESTION = {"budget": 16, "checkpoints": [8], "max_answer_tokens": 8, "stream": True}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: MiB of memory, and file descriptors."""

    rss_mib: float
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        """Look at a process."""
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(fields["VmRSS"].split()[0]) / 1024, descriptors)


def measure(engine: str, model: str, options: Mapping[str, Any], sizes: Sizes) -> list[Row]:
    """Return what a server holds after a quarter as many sessions, and after all of them."""
    given = engine_options(engine, options)

    def command(port: int) -> list[str]:
        return [*anytime_command(engine, model, port, given), "--ttl", str(TTL_S)]

    with spawned("`anytime serve`", command) as server:
        server.connect(lambda connection: connection.request("GET", "/readyz")).read()
        warm, full = asyncio.run(_footprints(server, sizes.memory_sessions))
    section = f"{engine}: memory, {sizes.memory_sessions} sessions"
    return [
        _row(section, "RSS after warm-up", warm.rss_mib, "MiB"),
        _row(section, "RSS at the end", full.rss_mib, "MiB"),
        _row(section, "RSS at the end / after warm-up", full.rss_mib / warm.rss_mib, "x", bar=BAR_RSS),
        _row(section, "file descriptors after warm-up", warm.descriptors, ""),
        _row(section, "file descriptors at the end", full.descriptors, ""),
        _row(
            section,
            "descriptors at the end / after warm-up",
            full.descriptors / warm.descriptors,
            "x",
            bar=BAR_DESCRIPTORS,
        ),
    ]


async def _footprints(server: Server, sessions: int) -> tuple[Footprint, Footprint]:
    numbers = itertools.count()
    async with load_process() as generator:
        await _run(generator, server, numbers, sessions // 4)
        warm = Footprint.of(server.process.pid)
        await _run(generator, server, numbers, sessions)
        return warm, Footprint.of(server.process.pid)


async def _run(generator: Generator, server: Server, numbers: "itertools.count[int]", sessions: int) -> None:
    """Run so many sessions, each to its end, and wait until nobody knows them any more."""
    for start in range(0, sessions, AT_ONCE):
        count = min(AT_ONCE, sessions - start)
        bodies = [{**QUESTION, "prompt": f"largest of {next(numbers)}, 9*8"} for _ in range(count)]
        for stream in (await generator.run(server.port, bodies, "/reason"))["streams"]:
            expect("HTTP status", stream["status"], 200, str(stream.get("error")))
    await asyncio.sleep(SETTLED_S)


def _row(section: str, name: str, value: float, unit: str, bar: float | None = None) -> Row:
    return Row(section, name, Series((value,)), unit, bar=bar, better="lower")
