"""Makes logs durable: what all sessions append within a tick goes to Redis in one call.

Readers see an entry once Redis has it. While Redis is down they wait for a moment, then get what is in memory; the
backlog is written, under the same numbers, when Redis is back.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError

from anytime_server.logs import fields
from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.stores.counts import Counts
from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.scripts import FENCED, Piece, Scripts
from anytime_server.reasoning.stores.redis.settings import RedisSettings

MOST_ENTRIES = 1024
"""In one call: Redis serves nobody else meanwhile."""

MOST_CHARACTERS = 4 * 2**20
"""In one call, about."""

RENEWALS = 8
"""Of a running session within the time that it is kept."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Ledger:
    """How far the log of a session that this process runs is durable.

    Attributes:
        id: of the session.
        log: its log.
        fence: that this process has.
        head: as it is created.
        key: the idempotency key that it was begun under.
        durable: how many entries Redis has.
        renew_at: when Redis is to be told to keep the session for longer, by the loop's clock.
    """

    id: str
    log: EventLog
    fence: int
    head: str
    key: str | None
    durable: int = 0
    renew_at: float = 0.0

    @property
    def is_written(self) -> bool:
        """Whether there is nothing to write."""
        return self.durable == len(self.log)


class Journal:
    """The logs of the sessions that this process runs, on their way to Redis."""

    def __init__(self, scripts: Scripts, settings: RedisSettings, lost: Callable[[str], None], counts: Counts) -> None:
        """Write by `scripts`; `lost` is told of sessions that another replica has claimed."""
        self._scripts, self._settings, self._lost, self._counts = scripts, settings, lost, counts
        self._ledgers: dict[str, Ledger] = {}
        self._due: dict[str, Ledger] = {}
        self._news = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self.available = True

    # --- what sessions and the store tell it -------------------------------------------------------------------------

    def keep(self, ledger: Ledger) -> None:
        """Take on a session's log, in place of what was kept of it before."""
        self.drop(ledger.id)
        self._ledgers[ledger.id] = ledger
        if not ledger.is_written:
            self.grown(ledger.id)

    def grown(self, session_id: str) -> None:
        """See to what a log has got; of a session that is not kept here nothing is."""
        ledger = self._ledgers.get(session_id)
        if ledger is None:
            return
        self._due[session_id] = ledger
        self._news.set()
        if not self.available:
            ledger.log.release(len(ledger.log))

    def recheck(self) -> None:
        """Ask Redis of every session whether it is still ours, and how far its log goes there."""
        self._due.update(self._ledgers)
        self._news.set()

    def drop(self, session_id: str) -> Ledger | None:
        """Write no more of a session; return its ledger, None if it was not kept."""
        self._due.pop(session_id, None)
        return self._ledgers.pop(session_id, None)

    def owns(self, session_id: str) -> bool:
        """Whether the session is this process' to run, as far as it knows."""
        return session_id in self._ledgers

    @property
    def owned(self) -> tuple[str, ...]:
        """The ids of the sessions that are kept here."""
        return tuple(self._ledgers)

    @property
    def backlog(self) -> int:
        """Entries that Redis does not have yet."""
        return sum(len(ledger.log) - ledger.durable for ledger in self._ledgers.values())

    async def written(self, session_id: str) -> bool:
        """Wait until readers see all that is in a log now; return whether the session is still ours."""
        ledger = self._ledgers.get(session_id)
        if ledger is None:
            return False
        await ledger.log.settle()
        return not ledger.log.moved

    # --- writing -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._news.wait()
            self._news.clear()
            next_tick = clock() + self._settings.tick_s
            try:
                await self._write()
            except RedisError as error:
                self._failing(error)
                await asyncio.sleep(self._settings.pause_s)
            else:
                await asyncio.sleep(next_tick - clock())

    def close(self) -> None:
        """Wait for nothing any more."""
        self._forgive()

    async def _write(self) -> None:
        self._await_patiently()
        ledgers = list(self._due.values())
        batch = list(self._batch(ledgers))
        answers = await self._scripts.append(piece for _, piece in batch)
        self._forgive()
        self._counts.writes += 1
        for (ledger, piece), length in zip(batch, answers, strict=True):
            self._answered(ledger, piece, length)
        if self._due:
            self._news.set()
        if len(batch) == len(ledgers):
            self._recovered()

    def _batch(self, ledgers: list[Ledger]) -> Iterator[tuple[Ledger, Piece]]:
        """Yield what goes into one call. What does not fit waits for the next."""
        now = asyncio.get_running_loop().time()
        entries_left, characters_left = MOST_ENTRIES, MOST_CHARACTERS
        for ledger in ledgers:
            if entries_left <= 0 or characters_left <= 0:
                return
            piece = self._piece(ledger, entries_left, now)
            entries_left -= len(piece.entries)
            characters_left -= sum(len(entry.data) + len(entry.steps) for entry in piece.entries)
            characters_left -= len(piece.head) if piece.first == 1 else 0
            yield ledger, piece

    def _piece(self, ledger: Ledger, most: int, now: float) -> Piece:
        entries = ledger.log.entries(ledger.durable)[:most]
        ended = ledger.log.closed and ledger.durable + len(entries) == len(ledger.log)
        return Piece(
            id=ledger.id,
            fence=ledger.fence,
            first=ledger.durable + 1,
            entries=entries,
            ended=ended,
            keep_s=self._keep_s(ledger, ended, now),
            head=ledger.head,
            key=ledger.key,
        )

    def _keep_s(self, ledger: Ledger, ended: bool, now: float) -> int:
        if ended:
            return round(self._settings.ttl_s) or 1
        if now < ledger.renew_at:
            return 0
        ledger.renew_at = now + self._settings.running_ttl_s / RENEWALS
        return round(self._settings.running_ttl_s)

    def _answered(self, ledger: Ledger, piece: Piece, length: int) -> None:
        if self._ledgers.get(ledger.id) is not ledger:
            return
        if length == FENCED:
            self._counts.fenced += 1
            logger.warning("session lost to another replica", extra=fields(session=ledger.id))
            self.drop(ledger.id)
            self._lost(ledger.id)
            return
        if length < ledger.durable:
            logger.warning(
                "redis has lost entries, they are sent again", extra=fields(session=ledger.id, length=length)
            )
            ledger.renew_at = 0.0
        self._counts.written += max(0, length - ledger.durable)
        ledger.durable = length
        ledger.log.release(length)
        if not ledger.is_written:
            return
        del self._due[ledger.id]
        if ledger.log.closed:
            del self._ledgers[ledger.id]

    # --- while Redis is down -----------------------------------------------------------------------------------------

    def _await_patiently(self) -> None:
        if self._patience is None and self.available:
            loop = asyncio.get_running_loop()
            due = loop.time() + self._settings.patience_s
            self._patience = loop.call_at(due, self._lose_patience, due)

    def _forgive(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self, due: float) -> None:
        """Let readers go on without Redis, unless it was this process that stood still: then it may be fenced."""
        self._patience = None
        if asyncio.get_running_loop().time() - due > self._settings.patience_s / 2:
            self._await_patiently()
            return
        self.available = False
        self._counts.outages += 1
        logger.error("redis does not answer: sessions go on in memory", extra=fields(backlog=self.backlog))
        for ledger in self._ledgers.values():
            ledger.log.release(len(ledger.log))

    def _failing(self, error: RedisError) -> None:
        logger.debug("redis failed", extra=failed(error))
        self._news.set()

    def _recovered(self) -> None:
        if not self.available:
            self.available = True
            logger.warning("redis is back, and has the backlog", extra=fields())
            self.recheck()
