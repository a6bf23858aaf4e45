"""Admits sessions, finds them again, steers them, and lets them finish when the server goes down."""

import asyncio
import secrets
from collections.abc import Sequence

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat, sentence_end_ids
from anytime_server.engines import Engine
from anytime_server.errors import Conflict, InvalidRequest, Overloaded, Unavailable
from anytime_server.reasoning.agreement import Judge
from anytime_server.reasoning.archive import Archive
from anytime_server.reasoning.continuation import continuation_plan
from anytime_server.reasoning.footprint import digest_of
from anytime_server.reasoning.observer import Observer
from anytime_server.reasoning.plan import Plan, check_model, make_plan
from anytime_server.reasoning.planning import Planning
from anytime_server.reasoning.pressure import pressure
from anytime_server.reasoning.rendering import rendered_prompt
from anytime_server.reasoning.session import Session
from anytime_server.reasoning.settings import ReasonSettings

RETRY_AFTER_S = 1


class Reasoner:
    """All sessions over one engine. All methods are called on one event loop."""

    def __init__(
        self,
        engine: Engine,
        format: ThinkingFormat,
        settings: ReasonSettings | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Serve sessions on a started engine whose model thinks in `format`."""
        self.engine = engine
        self.settings = settings or ReasonSettings()
        self.format = format
        self._observer = observer or Observer()
        self._archive = Archive(self.settings)
        self._judge = Judge()
        self._planning = Planning(self.plan)
        self._drain: asyncio.Task[None] | None = None
        self._sentence_ends = sentence_end_ids(engine.tokenizer) if self.settings.landing else frozenset()

    @property
    def in_flight(self) -> int:
        """Sessions running now."""
        return len(self._archive.running)

    @property
    def pressure(self) -> float:
        """How full the server is, from 0 to 1: requests that are read take their slots already."""
        return pressure(self.in_flight + self._planning.sessions, self.settings.max_sessions, self.engine.load())

    @property
    def draining(self) -> bool:
        """Whether new sessions are refused because the server is going down."""
        return self._drain is not None

    def plan(self, request: ReasonRequest) -> Plan:
        """Check a request and make it definite. Safe in any thread; takes seconds for megabytes of prompt.

        Raises:
            InvalidRequest: if it can't be honoured.
        """
        return make_plan(self._filled(request), self.engine, self.format, self.settings, self._sentence_ends)

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

    async def planned(self, request: ReasonRequest, sessions: int = 1) -> Plan:
        """Return the plan of so many sessions, made in a thread; they hold their slots meanwhile.

        Raises:
            InvalidRequest: if it can't be honoured.
            Overloaded, Unavailable: as `admit` does.
        """
        self.check_room(sessions)
        return await self._planning.plan(request, sessions)

    def submit(self, request: ReasonRequest) -> Session:
        """Plan and admit a request."""
        return self.admit(self.plan(request))

    def begun_with(self, key: str | None, request: ReasonRequest) -> Session | None:
        """Return the session that this request has begun under this idempotency key, if it is still known.

        Raises:
            Conflict: if the key came with another request.
        """
        session = self._archive.begun_with(key)
        return None if session is None else _same(session, digest_of(self._filled(request)))

    def _filled(self, request: ReasonRequest) -> ReasonRequest:
        return self.settings.defaults.fill(request, self.engine.default_sampling.temperature)

    def admit(self, plan: Plan, key: str | None = None) -> Session:
        """Start a session, or return the one that was begun under the same idempotency `key` in the meantime.

        Raises:
            Overloaded: if every session slot is taken.
            Unavailable: if the server is going down.
            Conflict: see `begun_with`.
        """
        if (begun := self._archive.begun_with(key)) is not None:
            return _same(begun, plan.digest)
        self.check_room()
        return self._admit(plan, key)

    def admit_all(self, plans: Sequence[Plan]) -> list[Session]:
        """Start a session per plan, or none.

        Raises:
            Overloaded, Unavailable: as `admit` does.
            InvalidRequest: if there are more plans than session slots.
        """
        self.check_room(len(plans))
        return [self._admit(plan) for plan in plans]

    def _admit(self, plan: Plan, key: str | None = None) -> Session:
        id = f"rsn_{secrets.token_hex(12)}"
        session = Session(id, plan, self.engine, self.settings, self._observer, key, self._judge)
        self._start(session)
        return session

    def get(self, session_id: str) -> Session:
        """Return a session, running or ended.

        Raises:
            NotFound: if there is none by this id.
        """
        return self._archive.get(session_id)

    def extend(self, session_id: str, budget: int, *, relative: bool, key: str | None = None) -> Session:
        """Raise a session's budget to `budget`, or by it if `relative`; an ended session thinks on.

        An absolute budget can be sent again safely, and so can a relative one with the same idempotency `key`.

        Raises:
            NotFound, Conflict: see `Session.raise_budget`.
            Overloaded, Unavailable: if an ended session finds no slot.
        """
        session = self.get(session_id)
        if key is not None and key in session.extensions:
            if session.extensions[key] != (budget, relative):
                raise Conflict("this Idempotency-Key was used for another extension", param="Idempotency-Key")
            return session
        wanted = session.raised_by(budget) if relative else budget
        if session.would_raise(wanted, more=relative):
            if session.has_ended:
                self.check_room()
            session.raise_budget(wanted, more=relative)
            if session.is_idle:
                self._start(session)
            if key is not None:
                session.extensions[key] = (budget, relative)
        return session

    def drain(self, timeout_s: float) -> "asyncio.Task[None]":
        """Refuse new sessions, give those in flight `timeout_s` seconds to end, then cancel them.

        Returns at once; the task, the same for every call, ends when all sessions have, and what they share is closed.
        """
        if self._drain is None:
            self._drain = asyncio.create_task(self._finish(timeout_s))
        return self._drain

    async def _finish(self, timeout_s: float) -> None:
        await self._finish_sessions(timeout_s)
        await self._judge.close()

    async def _finish_sessions(self, timeout_s: float) -> None:
        waits = [asyncio.ensure_future(session.wait()) for session in self._archive.running]
        if not waits:
            return
        await asyncio.wait(waits, timeout=timeout_s)
        for session in self._archive.running:
            session.cancel()
        await asyncio.wait(waits)

    def check_room(self, sessions: int = 1) -> None:
        """Raise Overloaded or Unavailable if so many sessions can't be admitted now, InvalidRequest if never."""
        if sessions > self.settings.max_sessions:
            raise InvalidRequest(f"this server runs at most {self.settings.max_sessions} at once; lower n", param="n")
        if self.draining:
            raise Unavailable("the server is going down; try another replica", retry_after=RETRY_AFTER_S)
        taken = self.in_flight + self._planning.sessions
        if taken + sessions > self.settings.max_sessions:
            self._observer.refused()
            raise Overloaded(
                f"{taken} of {self.settings.max_sessions} session slots are taken; try again in a moment",
                retry_after=RETRY_AFTER_S,
            )

    def _start(self, session: Session) -> None:
        self._archive.begin(session)
        session.start().add_done_callback(lambda _: self._archive.end(session) if session.has_ended else None)


def _same(session: Session, digest: bytes) -> Session:
    """Return `session` if the request of this digest has begun it."""
    if session.plan.digest != digest:
        raise Conflict("this Idempotency-Key was used for another request", param="Idempotency-Key")
    return session
