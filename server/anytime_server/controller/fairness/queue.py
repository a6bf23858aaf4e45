"""Who waits for a slot, and who is next: the slots are shared (`Shares`), the order is fair (`VirtualTime`)."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from anytime_server.controller.fairness.shares import Shares
from anytime_server.controller.fairness.virtual_time import VirtualTime


@dataclass(eq=False, slots=True)
class Ticket:
    """One piece of work on its way through a queue.

    Attributes:
        client: who asks for it.
        slots: how many it takes while it runs.
        cost: tokens that it may be served at most.
        since: the virtual time at which it came.
    """

    client: str
    slots: int
    cost: float
    since: float = 0.0


class FairQueue:
    """Work that waits for slots. Each client's comes in its own order."""

    def __init__(self, shares: Shares, time: VirtualTime) -> None:
        """Hand out the slots of `shares`; several queues may share one `time`, so that all service counts together."""
        self.shares = shares
        self._time = time
        self._waiting: dict[str, deque[Ticket]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def waiting(self) -> Collection[str]:
        """The clients that wait."""
        return self._waiting.keys()

    def enter(self, ticket: Ticket) -> None:
        """Wait from now on. What takes more slots than a client can have takes as many as that."""
        ticket.slots = min(ticket.slots, max(1, self.shares.most))
        ticket.since = self._time.now
        self._waiting.setdefault(ticket.client, deque()).append(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Wait no more."""
        queue = self._waiting[ticket.client]
        queue.remove(ticket)
        if not queue:
            del self._waiting[ticket.client]

    def next(self) -> tuple[Ticket, float] | None:
        """Let in whoever may begin now: its slots are taken. Return it with its tag; None if nobody waits, or may."""
        ready = [queue[0] for queue in self._waiting.values() if self.shares.may_take(queue[0].client, queue[0].slots)]
        if not ready:
            return None
        ticket = min(ready, key=self._start)
        self.leave(ticket)
        start = self._take(ticket)
        self._time.begin(start)
        return ticket, start

    def admit(self, ticket: Ticket) -> float:
        """Let in at once what goes on with work that has had its turn, whether or not slots are free; return its tag.

        Too many are taken then, and less begins until as many are given back.
        """
        ticket.slots, ticket.since = min(ticket.slots, max(1, self.shares.most)), self._time.now
        return self._take(ticket)

    def done(self, ticket: Ticket, served: float) -> None:
        """Give the slots of what was let in back, and what was charged beyond the tokens `served`."""
        self.shares.give_back(ticket.client, ticket.slots)
        self._time.refund(ticket.client, ticket.cost - served)

    def _take(self, ticket: Ticket) -> float:
        start = self._start(ticket)
        self.shares.take(ticket.client, ticket.slots)
        self._time.charge(ticket.client, start, ticket.cost)
        return start

    def _start(self, ticket: Ticket) -> float:
        return self._time.start(ticket.client, ticket.since)
