"""Faults, each with a proof that it took effect: one that silently did nothing would prove nothing."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from chaos_parts.fleet import BACKLOG, SESSIONS, Fleet
from chaos_parts.ledger import Ledger, grown
from chaos_parts.processes import Process, descendant, established
from chaos_parts.scenario import FaultKind, FaultPlan
from chaos_parts.transcript import Progress

POLL_S = 0.02
REDIS_DOWN_S = 1.0
EFFECT_S = 120.0
DRAIN_S = 120.0
"""Longer than a server lets its readers read on."""
ENDED = (0, -signal.SIGTERM)
"""How a process ends that was asked to: by itself, or by the signal once it has cleaned up."""
CORE = "EngineCore"
"""In the title of vLLM's process."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a fault did.

    Attributes:
        kind: of the fault.
        target: the process that it hit; empty if it hit none.
        took_effect: whether it did what it was to do, to a process that was at work.
        facts: what that is judged by.
    """

    kind: FaultKind
    target: str
    took_effect: bool
    facts: Mapping[str, float | str] = field(default_factory=dict)


class Injector:
    """Does the faults of a scenario, one after the other; a drain and a start go on beside the next.

    What was killed is started again at once, as process supervisors do. A fault waits until another process of the same
    kind is there: what must hold, holds where one is left.
    """

    def __init__(self, fleet: Fleet, progress: Progress, tell: Callable[[str], None]) -> None:
        """Hit the processes of `fleet` by the `progress` of the sessions."""
        self._fleet = fleet
        self._progress = progress
        self._tell = tell
        self._over = False
        self._restarts: set[asyncio.Task[None]] = set()

    def no_more_sessions(self) -> None:
        """All sessions have ended: faults that have not come by now would hit nothing."""
        self._over = True

    async def run(self, faults: Sequence[FaultPlan]) -> list[Proof]:
        """Do the faults when they are due; return their proofs."""
        proofs: list[Proof | asyncio.Task[Proof]] = []
        for fault in sorted(faults, key=lambda each: each.after):
            await self._until(lambda due=fault.after: self._progress.tokens >= due)  # type: ignore[misc]
            if self._over:
                proofs.append(Proof(fault.kind, "", False, {"why": "all sessions had ended before"}))
                continue
            proof = await self._do(fault.kind)
            proofs.append(proof)
            self._tell(f"{self._progress.tokens} tokens: {proof if isinstance(proof, Proof) else fault.kind}")
        proven = [proof if isinstance(proof, Proof) else await proof for proof in proofs]
        await asyncio.gather(*self._restarts)
        return proven

    async def _do(self, kind: FaultKind) -> "Proof | asyncio.Task[Proof]":
        match kind:
            case "kill_engine":
                return await (self._kill_worker() if self._fleet.workers else self._kill_core())
            case "kill_server":
                return await self._kill_server()
            case "drain_server":
                return await self._drain_server()
            case "kill_redis":
                return await self._kill_redis()
            case "stop_server":
                return await self._stop_server()

    async def _kill_core(self) -> Proof:
        """Kill the engine that a server has in a process below its own; the server starts another."""
        server, sessions = await self._busiest()
        core, resumed = descendant(server.pid, CORE), self._progress.resumed("engine")
        if core is None:
            return Proof("kill_engine", server.name, False, {"why": f"it has no process titled {CORE}"})
        os.kill(core, signal.SIGKILL)
        await self._until(lambda: self._progress.resumed("engine") > resumed, EFFECT_S)
        told, second = self._progress.resumed("engine") - resumed, descendant(server.pid, CORE)
        facts = {"sessions": sessions, "resumed": told, "first_pid": core, "second_pid": second or 0}
        return Proof("kill_engine", server.name, sessions > 0 and told > 0 and second not in (None, core), facts)

    async def _kill_worker(self) -> Proof:
        """Kill the worker with the most to do, and start it again."""
        worker = max(await self._two_ready(self._fleet.workers), key=lambda each: established(each.port))
        held, resumed = established(worker.port), self._progress.resumed("engine")
        code = worker.kill()
        self._restart(worker)
        await self._until(lambda: self._progress.resumed("engine") > resumed, EFFECT_S)
        told = self._progress.resumed("engine") - resumed
        facts = {"exit": code, "connections": held, "resumed": told}
        return Proof("kill_engine", worker.name, code == -signal.SIGKILL and held > 0 and told > 0, facts)

    async def _kill_server(self) -> Proof:
        """Kill the server that runs the most sessions, and start it again."""
        server, sessions = await self._busiest()
        resumed, fences = self._progress.resumed("server"), await self._fences()
        code = server.kill()
        self._restart(server)
        facts = {"exit": code, "sessions": sessions, **await self._taken_over(resumed, fences)}
        effect = code == -signal.SIGKILL and sessions > 0 and facts["resumed"] > 0 and facts["fenced"] > 0
        return Proof("kill_server", server.name, effect, facts)

    async def _drain_server(self) -> "asyncio.Task[Proof]":
        """Ask the server that runs the most sessions to go, which hands them over; and start it again.

        It ends once those who read there have left. That is not waited for: the next fault may come before.
        """
        server, sessions = await self._busiest()
        resumed, fences = self._progress.resumed("server"), await self._fences()
        server.ask_to_go()
        facts = {"sessions": sessions, **await self._taken_over(resumed, fences)}
        return asyncio.create_task(self._see_it_go(server, facts))

    async def _see_it_go(self, server: Process, facts: Mapping[str, float]) -> Proof:
        began = time.monotonic()
        await asyncio.to_thread(server.await_end, DRAIN_S)
        code, went_s = server.exits[-1], round(time.monotonic() - began, 1)
        self._restart(server)
        effect = code in ENDED and min(facts["sessions"], facts["resumed"], facts["fenced"]) > 0
        return Proof("drain_server", server.name, effect, {"exit": code, "went_after_s": went_s, **facts})

    async def _kill_redis(self) -> Proof:
        """Kill Redis while sessions run, and start it again after a while.

        The next fault waits for the backlog: a server that dies with it in its memory alone loses what it holds.
        """
        redis = self._fleet.redis
        assert redis is not None
        held, first = established(redis.port), redis.pid
        code = redis.kill()
        await asyncio.sleep(REDIS_DOWN_S)
        await self._fleet.start(redis)
        facts = {"exit": code, "connections": held, "first_pid": first, "second_pid": redis.pid}
        back = await self._until(lambda: established(redis.port) > 0, EFFECT_S)
        while not self._over and await self._backlog():
            await asyncio.sleep(POLL_S)
        return Proof("kill_redis", redis.name, code == -signal.SIGKILL and held > 0 and back, facts)

    async def _stop_server(self) -> Proof:
        """Stop the server that runs the most sessions until others have taken them over; then let it go on.

        It has lost its sessions by then and does not know it: what it still does must change nothing.
        """
        server, sessions = await self._busiest()
        resumed, fences = self._progress.resumed("server"), await self._fences()
        server.signal(signal.SIGSTOP)
        await self._until(lambda: server.state == "T", EFFECT_S)
        state, pid = server.state, server.pid
        facts = {"state": state, "sessions": sessions, **await self._taken_over(resumed, fences)}
        server.signal(signal.SIGCONT)
        while not await self._fleet.is_ready(server):
            await asyncio.sleep(POLL_S)
        effect = state == "T" and sessions > 0 and facts["resumed"] > 0 and facts["fenced"] > 0
        return Proof("stop_server", server.name, effect and server.runs and server.pid == pid, facts)

    async def _taken_over(self, resumed: int, fences: dict[str, int]) -> dict[str, float]:
        """Wait until readers and the store know of a session that was lost and goes on; return of how many by then.

        Readers may still be told of an earlier fault, so they alone prove nothing.
        """
        deadline = time.monotonic() + EFFECT_S
        while True:
            told, fenced = self._progress.resumed("server") - resumed, grown(fences, await self._fences())
            if min(told, fenced) > 0 or self._over or time.monotonic() > deadline:
                return {"resumed": told, "fenced": fenced}
            await asyncio.sleep(POLL_S)

    async def _fences(self) -> dict[str, int]:
        assert self._fleet.redis is not None
        async with Ledger(self._fleet.redis.port) as ledger:
            return await ledger.fences()

    async def _backlog(self) -> float:
        """Return how many events Redis does not have yet, of those servers that tell."""
        told = 0.0
        for server in self._fleet.servers:
            with contextlib.suppress(httpx.TransportError):
                told += await self._fleet.gauge(server, BACKLOG)
        return told

    async def _busiest(self) -> tuple[Process, float]:
        """Return the server that runs the most sessions, and how many."""
        held = []
        for server in await self._two_ready(self._fleet.servers):
            try:
                held.append((await self._fleet.gauge(server, SESSIONS), server))
            except httpx.TransportError:
                held.append((0.0, server))
        sessions, server = max(held, key=lambda each: each[0])
        return server, sessions

    def _restart(self, process: Process) -> None:
        self._restarts.add(asyncio.create_task(self._fleet.start_again(process)))

    async def _two_ready(self, processes: Sequence[Process]) -> list[Process]:
        """Wait until two of these serve, or the only one; return all that do: one of them is to go, and one stays."""
        least = min(2, len(processes))
        while True:
            serving = [each for each in processes if each.runs and await self._fleet.is_ready(each)]
            if len(serving) >= least:
                return serving
            await asyncio.sleep(POLL_S)

    async def _until(self, condition: Callable[[], bool], limit_s: float = float("inf")) -> bool:
        """Wait for a condition as long as sessions run; return whether it came to hold."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if self._over or time.monotonic() > deadline:
                return condition()
            await asyncio.sleep(POLL_S)
        return True
