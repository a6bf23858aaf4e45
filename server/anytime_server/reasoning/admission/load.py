"""Budgets that follow the load: the policy of `controller.load`, applied to the sessions of this process.

Each process goes by its own engine; replicas share nothing for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from statistics import median

from anytime_server.controller.load import AccuracyCurve, Claim, LoadPolicy, LoadScale, LoadSignals, grants, moved
from anytime_server.engines import Engine
from anytime_server.errors import Overloaded
from anytime_server.reasoning.deadlines.speed import Speed
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.sessions.session import Session
from anytime_server.tasks import spawn

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 2

LOOKING = 0.05
"""Share of the time that looking may take: a look costs some 20 us a session."""


class LoadControl:
    """Looks at the engine again and again, and moves the grants of the sessions that think."""

    def __init__(
        self,
        policy: LoadPolicy,
        curve: AccuracyCurve | None,
        engine: Engine,
        running: Callable[[], Sequence[Session]],
        speed: Speed,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Control the sessions that are `running`, at their `speed`; `clock` tells seconds."""
        self._policy = policy
        self._curve = curve
        self._engine = engine
        self._running = running
        self._speed = speed
        self._clock = clock
        self._scale = LoadScale(policy)
        self._spent: dict[str, float] = {}
        self._spent_at = clock()
        self._ticking: asyncio.Task[None] | None = None
        self._blind = False

    @property
    def scale(self) -> float:
        """How much of what lies above the floors is granted: 1 all, 0 nothing."""
        return self._scale.value

    def start(self) -> None:
        """Look from now on."""
        self._ticking = spawn(self._tick_on(), "load control")

    def stop(self) -> None:
        """Look no more."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def check(self) -> None:
        """Check that the floor of one more session fits.

        Raises:
            Overloaded: if the floors alone are granted, and work waits.
        """
        if self._scale.exhausted:
            raise Overloaded(
                "the server grants the smallest budgets it may, and requests still wait; try again in a moment",
                retry_after=RETRY_AFTER_S,
            )

    def first_limit(self, plan: Plan) -> int | None:
        """Return the most that a session may think which begins now; None if the load limits nothing."""
        if self.scale >= 1 or not plan.granted:
            return None
        claims = [session.claim() for session in self._thinking()]
        *_, granted = self._grants([*claims, Claim(plan.granted, plan.least)])
        return granted if granted < plan.granted else None

    def tick(self) -> None:
        """Look at the engine, and move the grants that have to move."""
        now, thinking = self._clock(), self._thinking()
        load = self._engine.load()
        claims, present = [session.claim() for session in thinking], [session.granted for session in thinking]
        rates, session_s = self._rates(now, thinking, claims), self._session_s(thinking, claims)
        signals = LoadSignals(load.running, load.waiting, load.kv_in_use, rates, session_s)
        self._scale.observe(now, signals)
        moves = moved(claims, present, self._grants(claims), signals, pressed=self._scale.pressed)
        for session, granted in zip(thinking, moves, strict=True):
            if granted is not None:
                session.limit(granted)

    async def _tick_on(self) -> None:
        took_s = 0.0
        while True:
            await asyncio.sleep(max(self._scale.look_s, min(took_s / LOOKING, self._policy.tick_s)))
            began = time.perf_counter()
            self._try_tick()
            took_s = time.perf_counter() - began

    def _try_tick(self) -> None:
        """Look; a failure is told once until a look succeeds, and budgets stay as they are until then."""
        try:
            self.tick()
        except Exception:
            if not self._blind:
                logger.exception("can't look at the load; budgets stay as they are")
            self._blind = True
        else:
            if self._blind:
                logger.warning("the load can be looked at again")
            self._blind = False

    def _thinking(self) -> list[Session]:
        return [session for session in self._running() if session.thinks]

    def _grants(self, claims: Sequence[Claim]) -> list[int]:
        return grants(claims, self._policy.floor, self.scale, self._curve)

    def _session_s(self, thinking: Sequence[Session], claims: Sequence[Claim]) -> float | None:
        """Return the seconds for which the median session would think; None if nobody thinks, or none was measured."""
        # A guess at a load never seen is cautious, that is slow: the first burst would be looked at too late.
        token_s = self._speed.pace.token.seen_at(self._speed.in_flight())
        if token_s is None or not thinking:
            return None
        return token_s * median(claim.requested / one.plan.trunks for one, claim in zip(thinking, claims, strict=True))

    def _rates(self, now: float, thinking: Sequence[Session], claims: Sequence[Claim]) -> list[float]:
        """Return the thinking tokens per second of a trunk of each session that thought at the last look, too."""
        spent = {one.id: claim.spent / one.plan.trunks for one, claim in zip(thinking, claims, strict=True)}
        passed_s, before = now - self._spent_at, self._spent
        self._spent, self._spent_at = spent, now
        if passed_s <= 0:
            return []
        return [(tokens - before[id]) / passed_s for id, tokens in spent.items() if id in before]
