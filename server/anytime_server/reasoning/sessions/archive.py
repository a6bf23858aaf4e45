"""The sessions a server knows: those in flight, and ended ones for as long as there is room and time."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass

from anytime_server.errors import NotFound
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.settings.settings import ReasonSettings

SLACK_S = 1.0
"""Beyond a session's time; several that ended together are dropped together."""


@dataclass(frozen=True, slots=True)
class _Ended:
    session: Session
    at: float
    size_bytes: int


class Archive:
    """Sessions by id. Only ended ones are dropped: expired ones, then the longest ended while over a bound."""

    def __init__(self, settings: ReasonSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Start empty."""
        self._settings = settings
        self._clock = clock
        self._running: dict[str, Session] = {}
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        self._ended_bytes = 0
        self._id_by_key: dict[str, str] = {}
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def running(self) -> tuple[Session, ...]:
        """The sessions in flight."""
        return tuple(self._running.values())

    def begin(self, session: Session) -> None:
        """Take in a session that starts, or starts again."""
        self._take_out(session)
        self._running[session.id] = session
        if session.idempotency_key is not None and not session.abandoned:
            self._id_by_key[session.idempotency_key] = session.id

    def end(self, session: Session) -> None:
        """Note that a session has ended; one that was dropped meanwhile is known no more."""
        if self._running.get(session.id) is session:
            del self._running[session.id]
            self._put_in(session)

    def get(self, session_id: str) -> Session:
        """Return a session.

        Raises:
            NotFound: if it never was, or has been dropped.
        """
        if (session := self.find(session_id)) is not None:
            return session
        raise NotFound(
            f"no session {session_id!r}: it never was, or it ended more than {self._settings.ttl_s:.0f} s ago or "
            "had to make room",
            param="id",
        )

    def keep(self, session: Session) -> None:
        """Take in an ended session, in place of what was known of it before."""
        self.drop(session)
        self._put_in(session)

    def drop(self, session: Session) -> None:
        """Forget a session that goes on in another process, and its key: the store knows both."""
        self._running.pop(session.id, None)
        self._take_out(session)
        self._forget_key(session)

    def find(self, session_id: str) -> Session | None:
        """Return a session, None if it never was or has been dropped."""
        self._prune()
        ended = self._ended.get(session_id)
        return self._running.get(session_id) or (ended.session if ended else None)

    def begun_with(self, key: str | None) -> Session | None:
        """Return the session begun under an idempotency key, unless it has been dropped.

        Nor is it one that was cancelled for want of readers: nobody has got anything from it, who asks again wants to.
        """
        session = self.find(self._id_by_key[key]) if key in self._id_by_key else None
        return None if session is None or session.abandoned else session

    def _put_in(self, session: Session) -> None:
        self._ended[session.id] = _Ended(session, self._clock(), session.size_bytes)
        self._ended_bytes += session.size_bytes
        self._prune()
        if self._expiry is None:
            self._expire_later()

    def _take_out(self, session: Session) -> None:
        if (ended := self._ended.pop(session.id, None)) is not None:
            self._ended_bytes -= ended.size_bytes

    def _expire_later(self) -> None:
        """Drop the longest ended when it expires, also when no one asks any more: one timer is enough for all."""
        self._expiry = None
        if self._ended:
            age_s = self._clock() - next(iter(self._ended.values())).at
            wait_s = max(0.0, self._settings.ttl_s - age_s) + SLACK_S
            self._expiry = asyncio.get_running_loop().call_later(wait_s, self._expire, context=Context())

    def _expire(self) -> None:
        self._prune()
        self._expire_later()

    def _prune(self) -> None:
        while self._ended:
            oldest = next(iter(self._ended.values()))
            expired = self._clock() - oldest.at > self._settings.ttl_s
            too_many = len(self._ended) > self._settings.kept_sessions
            if not (expired or too_many or self._ended_bytes > self._settings.kept_bytes):
                return
            self._ended.popitem(last=False)
            self._forget_key(oldest.session)
            self._ended_bytes -= oldest.size_bytes

    def _forget_key(self, session: Session) -> None:
        key = session.idempotency_key
        if key is not None and self._id_by_key.get(key) == session.id:
            del self._id_by_key[key]
