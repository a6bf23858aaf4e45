"""One run of a scenario: the processes, all readers at once, the faults; and how everything stands at the end."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chaos_parts.faults import Injector, Proof
from chaos_parts.fleet import ENGINE_REQUESTS, SESSIONS, Fleet, running, url
from chaos_parts.front import Front, fronting
from chaos_parts.ledger import Ledger
from chaos_parts.plain import NO_TLS
from chaos_parts.processes import Launch, spawn
from chaos_parts.readers import Wire, messages, read_session
from chaos_parts.scenario import Scenario
from chaos_parts.tokens import Tokens
from chaos_parts.transcript import Progress, Transcript

POLL_S = 0.02
EMPTY_S = 20.0


@dataclass(slots=True)
class Run:
    """What came of a scenario.

    Attributes:
        transcripts: by the names of the sessions.
        proofs: of the faults.
        tokens: by the names of the sessions, where a store keeps them.
        answers: the whole text of the answers' tokens, markers and all; by the names of the sessions.
        cut: connections that the front cut.
        left: what was still in engines and servers when everything had ended.
        seconds: from the first request to the last event.
    """

    transcripts: dict[str, Transcript]
    proofs: list[Proof] = field(default_factory=list)
    tokens: dict[str, Tokens] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    left: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


async def run(
    scenario: Scenario,
    folder: Path,
    limit_s: float,
    tell: Callable[[str], None] = lambda text: None,
    launch: Launch = spawn,
) -> Run:
    """Run a scenario to the end of all its sessions and faults.

    Args:
        scenario: what to run.
        folder: for logs.
        limit_s: seconds from the first request on.
        tell: told where the run is.
        launch: starts servers and workers; where it is not `spawn`, none is prepared on standby.

    Raises:
        RuntimeError: if a process can't be started, or outlives the run.
        TimeoutError: if it takes longer.
    """
    transcripts = {plan.name: Transcript(plan.name) for plan in scenario.sessions}
    cuts = {plan.name: plan.cuts for plan in scenario.sessions}
    standby = _starts_again(scenario) if launch is spawn else 0
    async with running(scenario.fleet, folder, standby, launch) as fleet:
        tell(f"{len(fleet.all)} processes are ready")
        ports = [server.port for server in fleet.servers]
        async with fronting(ports, scenario.seed, cuts) as front:
            result = Run(transcripts)
            start = time.monotonic()
            async with asyncio.timeout(limit_s):
                result.proofs = await _disturbed(scenario, fleet, front, Progress(transcripts), tell)
            result.seconds = time.monotonic() - start
            result.cut = front.cut
        keep(transcripts, folder)
        await _audit(fleet, transcripts)
        result.left = await _left(fleet)
        if fleet.redis is not None:
            async with Ledger(fleet.redis.port) as ledger:
                stored = await ledger.tokens()
            result.tokens = {name: stored[each.id] for name, each in transcripts.items() if each.id in stored}
            result.answers = {
                name: await fleet.text_of(fleet.servers[0], answer) for name, (_, answer) in result.tokens.items()
            }
    return result


def _starts_again(scenario: Scenario) -> int:
    """How many servers and workers are started again; a server whose engine dies starts that by itself."""
    again = ("kill_server", "drain_server", *(["kill_engine"] if scenario.fleet.workers else []))
    return sum(fault.kind in again for fault in scenario.faults)


def keep(transcripts: Mapping[str, Transcript], folder: Path) -> None:
    """Write down what readers got, an event a line with the seconds since the reader began."""
    for name, transcript in transcripts.items():
        times = (f"{at - transcript.arrivals[0]:.3f}" for at in transcript.arrivals[1:])
        lines = (f"{at} {raw}\n" for at, raw in zip(times, transcript.raw, strict=True))
        (folder / f"{name}.log").write_text("".join(lines))


async def _disturbed(
    scenario: Scenario, fleet: Fleet, front: Front, progress: Progress, tell: Callable[[str], None]
) -> list[Proof]:
    """Read all sessions to their ends while the faults happen; return the proofs."""
    wire = Wire(f"http://127.0.0.1:{front.port}")
    injector = Injector(fleet, progress, tell)

    async def wait(condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(POLL_S)

    async with asyncio.TaskGroup() as group:
        faults = group.create_task(injector.run(scenario.faults))
        async with asyncio.TaskGroup() as readers:
            for plan in scenario.sessions:
                transcript = progress.transcripts[plan.name]
                readers.create_task(read_session(plan, wire, transcript, wait, lambda: progress.tokens))
        injector.no_more_sessions()
    return faults.result()


async def _audit(fleet: Fleet, transcripts: dict[str, Transcript]) -> None:
    """Read every log once more at every server: it must be what its reader got, byte for byte."""
    async with httpx.AsyncClient(timeout=30, verify=NO_TLS) as client:
        for server in fleet.servers:
            for transcript in transcripts.values():
                path = f"{url(server)}/reason/{transcript.id}/events"
                async with client.stream("GET", path) as response:
                    found = [data async for _, data in messages(response)] if response.status_code == 200 else []
                if transcript.raw and found != transcript.raw:
                    transcript.violations.append(
                        f"{server.name} tells another log ({response.status_code}, {len(found)} events) "
                        f"than the reader got ({transcript.last} events)"
                    )


async def _left(fleet: Fleet) -> dict[str, float]:
    """Return what engines and servers still hold after a while, by the names of the processes; empty is well."""
    deadline = time.monotonic() + EMPTY_S
    while True:
        held = {f"{process.name} requests": await fleet.gauge(process, ENGINE_REQUESTS) for process in fleet.servers}
        held |= {f"{process.name} sessions": await fleet.gauge(process, SESSIONS) for process in fleet.servers}
        held |= {f"{process.name} requests": await fleet.load(process) for process in fleet.workers}
        left = {name: value for name, value in held.items() if value}
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(POLL_S * 10)
