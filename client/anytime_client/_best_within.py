"""The best answer within a time: the anytime promise as one call.

The server is told a deadline a little before the limit, and mostly answers by it. If it doesn't, the newest interim
answer is returned at the limit, and the session cancelled. Checkpoints at 16 tokens and then at twice the last give a
first answer early, and never many of them however long the thinking gets.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from threading import Thread

from anytime_client._async_stream import AsyncStream
from anytime_client._errors import AnytimeError, ConfigurationError, NoAnswerError
from anytime_client._fields import ReasonFields
from anytime_client._snapshot import Snapshot
from anytime_client._stream import Stream
from anytime_client.protocol import BUDGET_ALIASES, ReasonDocument

RESERVE_SHARE = 0.1
MOST_RESERVE_S = 0.25
UNBOUNDED = 2**20
"""A budget beyond any context, since the time is the limit. The caller's own checkpoints could be too many over it."""


@dataclass(frozen=True, slots=True)
class TimePlan:
    """How the seconds of one call are used: thinking and answering, the answer's way here, taking leave."""

    seconds: float

    def __post_init__(self) -> None:
        """Check the seconds."""
        if not 0 < self.seconds < inf:
            raise ConfigurationError(f"seconds must be a number above 0, not {self.seconds}")

    @property
    def reserve_s(self) -> float:
        """For the network, once after the server's deadline and once for the cancel."""
        return min(MOST_RESERVE_S, RESERVE_SHARE * self.seconds)

    @property
    def patience_s(self) -> float:
        """After so long what is there is taken."""
        return self.seconds - self.reserve_s

    @property
    def deadline_ms(self) -> int:
        """The server's."""
        return max(1, int(1000 * (self.patience_s - self.reserve_s)))

    def fields(self, given: ReasonFields) -> ReasonFields:
        """Return the fields of the request; those that are given win."""
        fields: ReasonFields = {"deadline_ms": self.deadline_ms, "answer": "short"}
        if "checkpoints" not in given:
            fields["checkpoints"] = {"geometric": 2}
            if not given.keys() & {"budget", *BUDGET_ALIASES}:
                fields["budget"] = UNBOUNDED
        return fields | given

    def best(self, known: Snapshot, error: AnytimeError | None, failure: AnytimeError | None) -> ReasonDocument:
        """Return the session with its best answer.

        Args:
            known: the session as of the end.
            error: what ended it early.
            failure: what the newest attempt to reach the server failed with.

        Raises:
            AnytimeError: what went wrong, if nothing was answered before.
            NoAnswerError: if the time was over before the first answer.
        """
        if known.best_answer is not None:
            return known.as_document()
        if error is not None:
            raise error
        reason = "; give it more time, or an earlier checkpoint" if known.id else ": the server has not answered"
        reason = f": {failure}" if failure else reason
        raise NoAnswerError(
            f"no answer within {self.seconds:g} s{reason}", document=known.as_document() if known.id else None
        ) from failure


def best_within(stream: Stream, plan: TimePlan) -> ReasonDocument:
    """Read `stream` in a thread of its own, since a blocking read can't be given up, and take what is there in time."""
    reader = _Reader(stream)
    reader.start()
    try:
        reader.join(plan.patience_s)
    finally:
        reader.stopped = True
        if reader.is_alive() and stream.id:
            stream._leave()
    if stream.document is not None:
        # The server is there, so the reader ends at once.
        reader.join(plan.reserve_s)
    if reader.bug is not None:
        raise reader.bug
    return plan.best(stream.snapshot, reader.error, stream.failure)


async def best_within_async(stream: AsyncStream, plan: TimePlan) -> ReasonDocument:
    """Read `stream` and take what is there in time."""
    error: AnytimeError | None = None
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(plan.patience_s), stream:
                await stream.until_done()
    except AnytimeError as failure:
        error = failure
    return plan.best(stream.snapshot, error, stream.failure)


class _Reader(Thread):
    """Reads a stream to its end. A daemon: a server that went silent must not keep the process."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(name="anytime-best-within", daemon=True)
        self._stream = stream
        self.error: AnytimeError | None = None
        self.bug: Exception | None = None
        self.stopped = False

    def run(self) -> None:
        try:
            with self._stream as stream:
                for _ in stream:
                    if self.stopped:
                        return
                stream.until_done()
        except AnytimeError as error:
            # What comes of being stopped is no error.
            self.error = None if self.stopped else error
        except Exception as error:
            # Raised in the caller's thread.
            self.bug = error
