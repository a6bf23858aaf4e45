"""The sessions of this process: made, restored from a store, run, and kept for as long as there is room and time."""

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from functools import partial

from anytime_client.protocol import ErrorInfo, ReasonFailed
from anytime_server.controller import ThinkingFormat, sentence_end_ids
from anytime_server.engines import Engine
from anytime_server.errors import AnytimeError
from anytime_server.reasoning.answers.agreement import Judge
from anytime_server.reasoning.deadlines.speed import Speed
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.reading.events import EventLog, LogEntry
from anytime_server.reasoning.sessions.archive import Archive
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.sessions.stored.head import Head
from anytime_server.reasoning.sessions.stored.told import document_of, readable
from anytime_server.reasoning.settings.settings import ReasonSettings
from anytime_server.reasoning.stores import Store, StoredSession
from anytime_server.reasoning.surroundings.beginning import Beginning
from anytime_server.reasoning.surroundings.observer import Observer
from anytime_server.reasoning.surroundings.surroundings import Surroundings

logger = logging.getLogger(__name__)


class Sessions:
    """Runs sessions over one engine, and tells the store of them."""

    def __init__(
        self, engine: Engine, format: ThinkingFormat, settings: ReasonSettings, observer: Observer, store: Store
    ) -> None:
        """Start with none."""
        self.archive = Archive(settings)
        self.sentence_ends = sentence_end_ids(engine.tokenizer) if settings.landing else frozenset()
        self.speed = Speed(lambda: sum(session.plan.trunks for session in self.archive.running))
        self._around = Surroundings(engine, settings, observer, store, Judge(), self.speed)
        self._format = format
        self._store = store

    @property
    def in_flight(self) -> int:
        """Sessions running now."""
        return len(self.archive.running)

    def begin(
        self, plan: Plan, key: str | None = None, session_id: str | None = None, limit: int | None = None
    ) -> Session:
        """Start a session; `key` is the idempotency key that it is begun under, `limit` what the load grants it."""
        session_id, began_at = session_id or new_id(), plan.asked_at or time.time()
        log = self._new_log(session_id)
        if log.is_stored:
            head = Head.of(plan, began_at).stored()
            self._store.begin(session_id, head, log, key)
        session = Session(Beginning(session_id, plan, began_at, key, limit), self._around, log)
        self.start(session)
        return session

    def start(self, session: Session) -> None:
        """Run a session that has no run."""
        self._run(session, session.start())

    def keep(self, stored: StoredSession) -> None:
        """Restore an ended session, to think on.

        Raises:
            ValueError: see `restore`.
        """
        self.archive.keep(self.restore(stored))

    def take_over(self, stored: StoredSession) -> None:
        """Go on with a session whose server was lost. One that can't be restored ends, so that no reader waits."""
        try:
            session = self.restore(stored)
        except Exception as error:
            # A log of another build may be unlike ours in any way.
            self._end_lost(stored, error)
        else:
            self._run(session, session.take_over())

    def drop(self, session: Session) -> None:
        """End a session here, at once: it goes on in another process."""
        session.move()
        self.archive.drop(session)

    def restore(self, stored: StoredSession) -> Session:
        """Return a session as its log tells it.

        Raises:
            LookupError, TypeError, ValueError: if the log is not one of ours, or leads elsewhere.
        """
        head = Head.model_validate_json(stored.head)
        plan = head.plan(self._around.engine, self._format, self.sentence_ends)
        beginning = Beginning(stored.id, plan, head.began_at, stored.key)
        return Session(beginning, self._around, self._owned_log(stored))

    async def close(self) -> None:
        """Stop what the sessions share."""
        await self._around.judge.close()

    def _run(self, session: Session, run: "asyncio.Task[None]") -> None:
        self.archive.begin(session)
        run.add_done_callback(lambda _: self.archive.end(session) if session.has_ended else None)

    def _new_log(self, session_id: str, entries: Sequence[LogEntry] = ()) -> EventLog:
        return EventLog(entries, partial(self._store.grown, session_id) if self._store.keeps_steps else None)

    def _owned_log(self, stored: StoredSession) -> EventLog:
        log = self._new_log(stored.id, stored.entries)
        self._store.own(stored.id, log)
        return log

    def _end_lost(self, stored: StoredSession, error: Exception) -> None:
        logger.error("session %s can't be restored", stored.id, exc_info=error)
        log = self._owned_log(stored)
        failure = ErrorInfo(type=AnytimeError.type, message="its server was lost, and it could not be restored")
        change = {
            "id": stored.id,
            "model": self._around.engine.model,
            "status": "failed",
            "error": failure,
            "last_sequence_number": len(log) + 1,
        }
        log.append(ReasonFailed, last=True, document=document_of(readable(stored.entries)).model_copy(update=change))


def new_id() -> str:
    """Return an id for a new session."""
    return f"rsn_{secrets.token_hex(12)}"
