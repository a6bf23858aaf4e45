"""Admits sessions, finds them again, steers them, and lets them finish when the server goes down."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Engine
from anytime_server.errors import Draining, Unavailable
from anytime_server.reasoning.admission.admission import Admission
from anytime_server.reasoning.admission.load import LoadControl
from anytime_server.reasoning.admission.pressure import pressure
from anytime_server.reasoning.plans.calibrated import as_calibrated
from anytime_server.reasoning.plans.continuation import continuation_plan
from anytime_server.reasoning.plans.footprint import digest_of
from anytime_server.reasoning.plans.making import make_plan
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.plans.planning import Asked, Planning
from anytime_server.reasoning.plans.prompt.rendering import rendered_prompt
from anytime_server.reasoning.plans.sampling import check_model
from anytime_server.reasoning.reading.handle import Handle
from anytime_server.reasoning.replicas.drain import Drain
from anytime_server.reasoning.replicas.here import Here
from anytime_server.reasoning.replicas.once import Once, check_stored, same
from anytime_server.reasoning.replicas.replica import Replica, fingerprint
from anytime_server.reasoning.replicas.thinking_on import MOVING, RETRY_AFTER_S, ThinkingOn
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.sessions.sessions import Sessions
from anytime_server.reasoning.settings.settings import ReasonSettings
from anytime_server.reasoning.stores import MemoryStore, Store
from anytime_server.reasoning.surroundings.observer import Observer


class Reasoner:
    """All sessions over one engine. All methods are called on one event loop."""

    def __init__(
        self,
        engine: Engine,
        format: ThinkingFormat,
        settings: ReasonSettings | None = None,
        observer: Observer | None = None,
        store: Store | None = None,
    ) -> None:
        """Serve sessions on a started engine whose model thinks in `format`, and keep them in `store`.

        Without a store they live and end with this process. A store must be started with `start`.
        """
        self.engine = engine
        self.settings = settings or ReasonSettings()
        self.format = format
        self._observer = observer or Observer()
        self._store = store or MemoryStore()
        self._sessions = Sessions(engine, format, self.settings, self._observer, self._store)
        self._archive = self._sessions.archive
        self._planning = Planning()
        self._load = self._load_control()
        self._admission = Admission(
            self.settings.max_sessions,
            self.settings.weights,
            self._sessions,
            self._planning,
            self._load,
            self._observer,
        )
        self.think_on = ThinkingOn(self._sessions, self._store, self.find, self.check_room)
        self._once = Once(self._archive, self._store, self.admit, self.here)
        self._drain: Drain | None = None

    @property
    def in_flight(self) -> int:
        """Sessions running now."""
        return self._sessions.in_flight

    @property
    def pressure(self) -> float:
        """How full the server is, from 0 to 1: requests that are read take their slots already."""
        return pressure(self._admission.taken, self.settings.max_sessions, self.engine.load())

    @property
    def scale(self) -> float:
        """How much of what lies above their floors budgets are granted now; 1 where they don't follow the load."""
        return 1.0 if self._load is None else self._load.scale

    @property
    def draining(self) -> bool:
        """Whether new sessions are refused because the server is going down."""
        return self._drain is not None

    @property
    def unread_for_s(self) -> float:
        """Seconds since a session ended in the drain while nobody read it, though somebody may come; else infinite."""
        return math.inf if self._drain is None else self._drain.unread_for_s

    async def start(self) -> None:
        """Start the store: from now on this process goes on with sessions that others have lost. Watch the load.

        Raises:
            Unavailable: if the store can't be reached.
        """
        replica = Replica(self._sessions, self._room, self.think_on)
        await self._store.start(replica, fingerprint(self.engine, self.format, self.settings))
        if self._load is not None:
            self._load.start()

    def plan(self, request: ReasonRequest) -> Plan:
        """Check a request and make it definite. Safe in any thread; takes seconds for megabytes of prompt.

        Raises:
            InvalidRequest: if it can't be honoured.
        """
        return make_plan(self._filled(request), self.engine, self.format, self.settings, self._sessions.sentence_ends)

    def plan_continuation(self, request: ReasonRequest, prompt_ids: Sequence[int]) -> Plan:
        """Make a request definite whose prompt is continued as it stands, without thinking.

        Raises:
            InvalidRequest: if it can't be honoured.
        """
        return continuation_plan(request, tuple(prompt_ids), self.engine, self.format, self.settings)

    def render(self, request: ReasonRequest) -> tuple[int, ...]:
        """Return the prompt of a request, as `plan` makes it.

        Raises:
            InvalidRequest: if the model's chat template refuses it, or it is too long.
        """
        return rendered_prompt(request, self.engine.tokenizer, self.format, self.settings)

    def check_model(self, name: str | None) -> None:
        """Check that a request which names a model names this one.

        Raises:
            InvalidRequest: if it does not.
        """
        check_model(name, (self.engine.model, *self.settings.aliases))

    async def planned(self, request: ReasonRequest, sessions: int = 1, client: str = "") -> Plan:
        """Return the plan of so many sessions of a client, made in a thread; they hold their slots meanwhile.

        Raises:
            InvalidRequest: if it can't be honoured.
            Overloaded, Unavailable: as `admit` does.
        """
        (plan,) = await self.planned_by(lambda: [self.plan(request)], request, sessions, client)
        return plan

    async def planned_by(
        self, make: Callable[[], Sequence[Plan]], asked: Asked, sessions: int, client: str = ""
    ) -> list[Plan]:
        """Return the plans that `make` makes of a request, as `planned` does.

        Raises:
            InvalidRequest: if it can't be honoured.
            Overloaded, Unavailable: as `admit` does.
        """
        asked_at = time.time()
        self.check_room(sessions, client)
        plans = await self._planning.plan(make, asked, sessions, client)
        return [replace(plan, client=client, asked_at=asked_at) for plan in plans]

    def submit(self, request: ReasonRequest) -> Session:
        """Plan and admit a request."""
        return self.admit(self.plan(request))

    async def begun_with(self, key: str | None, request: ReasonRequest) -> Handle | None:
        """Return the session that this request has begun under this idempotency key, if it is still known.

        Raises:
            Conflict: if the key came with another request.
            Unavailable: as `begin` does.
        """
        if key is None:
            return None
        return await self._once.begun_with(key, digest_of(self._filled(request)))

    def _filled(self, request: ReasonRequest) -> ReasonRequest:
        filled = self.settings.defaults.fill(request, self.engine.default_sampling.temperature)
        return as_calibrated(filled, self.settings.calibration)

    async def begin(self, plan: Plan, key: str | None = None) -> Handle:
        """Start a session, or return the one that was begun under the same idempotency `key` in the meantime.

        Raises:
            Overloaded: if every session slot is taken.
            Unavailable: if the server is going down; if a session that must outlive it can't be stored now.
            Conflict: see `begun_with`.
        """
        return await self._once.begin(plan, key)

    def admit(self, plan: Plan, key: str | None = None, session_id: str | None = None) -> Session:
        """Start a session in this process, as `begin` does.

        Raises:
            Overloaded, Unavailable, Conflict: see `begin`.
        """
        if (begun := self._archive.begun_with(key)) is not None:
            return same(begun, plan.digest)
        self.check_room(client=plan.client)
        limit = self._admission.granted(plan)
        check_stored(plan, self._store)
        return self._sessions.begin(plan, key, session_id, limit)

    def admit_all(self, plans: Sequence[Plan]) -> list[Session]:
        """Start a session per plan, or none.

        Raises:
            Overloaded, Unavailable: as `admit` does.
            InvalidRequest: if there are more plans than session slots.
        """
        self.check_room(len(plans), plans[0].client if plans else "")
        limits = [self._admission.granted(plan, len(plans)) for plan in plans]
        return [self._sessions.begin(plan, limit=limit) for plan, limit in zip(plans, limits, strict=True)]

    def get(self, session_id: str) -> Session:
        """Return a session of this process, running or ended.

        Raises:
            NotFound: if there is none by this id.
        """
        return self._archive.get(session_id)

    async def find(self, session_id: str) -> Handle:
        """Return a session, wherever it is.

        Raises:
            NotFound: if there is none by this id.
            Unavailable: in the moment in which it is handed over.
        """
        session = self._archive.find(session_id)
        if session is not None and session.stopping:
            raise Unavailable(MOVING, retry_after=RETRY_AFTER_S)
        if session is not None and not self.think_on.may_have_moved(session):
            return self.here(session)
        elsewhere = await self._store.find(session_id)
        return elsewhere or self.here(self._archive.get(session_id))

    def here(self, session: Session) -> Handle:
        """Return a session of this process as a handle."""
        return Here(session, self.think_on)

    def extend(self, session_id: str, budget: int, *, relative: bool, key: str | None = None) -> Session:
        """Raise a session's budget to `budget`, or by it if `relative`; an ended session thinks on.

        An absolute budget can be sent again safely, and so can a relative one with the same idempotency `key`.

        Raises:
            NotFound, Conflict: see `Session.raise_budget`.
            Overloaded, Unavailable: if an ended session finds no slot.
        """
        return self.think_on.here(session_id, budget, relative, key)

    def drain(self, timeout_s: float) -> "asyncio.Task[None]":
        """Refuse new sessions, also those being planned; give those in flight `timeout_s` seconds, then cancel them.

        Returns at once; the task, the same for every call, ends when all sessions have, and what they share is closed.
        """
        if self._drain is None:
            self._planning.close()
            if self._load is not None:
                self._load.stop()
            self._drain = Drain(self._sessions, self._store, timeout_s)
        return self._drain.task

    def _room(self) -> int:
        return 0 if self.draining else max(0, self.settings.max_sessions - self._admission.taken)

    def check_room(self, sessions: int = 1, client: str = "") -> None:
        """Raise Overloaded or Unavailable if so many sessions can't be admitted now, InvalidRequest if never."""
        if self.draining:
            raise Draining
        self._admission.check_room(sessions, client)

    def _load_control(self) -> LoadControl | None:
        if self.settings.load is None:
            return None
        archive = self._archive
        speed = self._sessions.speed
        return LoadControl(self.settings.load, self.settings.curve, self.engine, lambda: archive.running, speed)
