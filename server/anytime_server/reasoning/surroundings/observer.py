"""What happens to sessions, for whoever counts, logs or traces it."""

from typing import Literal, get_args

from anytime_client.protocol import CheckpointAnswer, ReasonDocument, Usage
from anytime_server.reasoning.plans.plan import Plan

Refusal = Literal["slots", "share", "load", "deadline"]
"""For want of session slots, or of a share of them; because the load leaves nothing; for a deadline."""

REFUSALS: tuple[Refusal, ...] = get_args(Refusal)


class Observer:
    """Told of every session's life. Calls are made on the event loop and must not block or raise.

    This one does nothing; others override what they care about.
    """

    def started(self, session_id: str, plan: Plan) -> None:
        """A session was admitted, or an ended one thinks on."""

    def leg(self, session_id: str, number: int) -> None:
        """A leg of the trunk begins, the first being number 1; the one before is over."""

    def checkpoint(self, session_id: str, answer: CheckpointAnswer) -> None:
        """An interim answer was published."""

    def resumed(self, session_id: str, cause: str, downtime_ms: float) -> None:
        """A session goes on after the loss of its engine, or of the server that ran it."""

    def moved(self, session_id: str) -> None:
        """A session goes on in another process: here it is over, without an end."""

    def ended(self, document: ReasonDocument, usage: Usage) -> None:
        """A session ended; `usage` is that of this run alone, should it be an extension."""

    def refused(self, reason: Refusal) -> None:
        """A session was refused."""


class Observers(Observer):
    """Tells several observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        """Tell `observers`."""
        self._observers = observers

    def started(self, session_id: str, plan: Plan) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.started(session_id, plan)

    def leg(self, session_id: str, number: int) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.leg(session_id, number)

    def checkpoint(self, session_id: str, answer: CheckpointAnswer) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.checkpoint(session_id, answer)

    def resumed(self, session_id: str, cause: str, downtime_ms: float) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.resumed(session_id, cause, downtime_ms)

    def moved(self, session_id: str) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.moved(session_id)

    def ended(self, document: ReasonDocument, usage: Usage) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.ended(document, usage)

    def refused(self, reason: Refusal) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.refused(reason)
