"""Where requests wait for their turn: so many think at once, and who is next is fair to the clients that share them."""

import asyncio
from collections.abc import Mapping

from anytime_server.controller.fairness import NO_WEIGHTS, FairQueue, Shares, Ticket, VirtualTime
from anytime_server.engines.contract import EngineRequest

BRANCHES = 0.5
"""Slots for interim answers, as a share of those for thinking: they never wait for thinking to end."""


class Turn:
    """A request's turn: what it has been served so far, and its tag in the order of all."""

    def __init__(self, ticket: Ticket, tag: float) -> None:
        """Nothing has been served."""
        self.ticket = ticket
        self.tag = tag
        self.served = 0


class Gate:
    """Thinking that begins waits for a slot, and so do interim answers, for slots of their own.

    What goes on (a next leg, a final answer) waits for nobody: its session has had its turn. It takes a slot as it
    comes, so that less can begin meanwhile.
    """

    def __init__(self, slots: int | None, weights: Mapping[str, float] = NO_WEIGHTS) -> None:
        """Let `slots` requests think at once; with None all go in, and the gate only says in which order they came."""
        self._time = VirtualTime(weights)
        self._open: dict[Ticket, asyncio.Future[float]] = {}
        self._trunks: FairQueue | None = None
        self._branches: FairQueue | None = None
        if slots is not None:
            self._trunks = FairQueue(Shares(slots, weights), self._time)
            self._branches = FairQueue(Shares(max(2, round(slots * BRANCHES)), weights), self._time)

    @property
    def waiting(self) -> int:
        """Requests that wait to think."""
        return 0 if self._trunks is None else len(self._trunks)

    async def enter(self, request: EngineRequest) -> Turn:
        """Wait for a request's turn; `leave` must be called at its end."""
        ticket = Ticket(request.client, request.samples, float(request.max_tokens * request.samples))
        queue = self._queue(request.role)
        now = self._time.now
        if queue is None:
            tag = self._time.admit(ticket.client, ticket.cost)
            # An interim answer goes before thinking that waits, and is charged all the same.
            return Turn(ticket, tag if request.role == "trunk" else now)
        if request.role == "rest":
            queue.admit(ticket)
            return Turn(ticket, now)
        queue.enter(ticket)
        entry = self._open[ticket] = asyncio.get_running_loop().create_future()
        self._let_in(queue)
        try:
            return Turn(ticket, await entry)
        except asyncio.CancelledError:
            if self._open.pop(ticket, None) is not None:
                queue.leave(ticket)
            elif not entry.cancelled():
                # It was let in just before the cancellation came.
                queue.done(ticket, 0)
                self._let_in(queue)
            raise

    def begun(self, turn: Turn) -> None:
        """Note that the first token has come: an engine with a queue of its own has let it in."""
        self._time.begin(turn.tag)

    def leave(self, request: EngineRequest, turn: Turn) -> None:
        """Note the end of a request, and let in who is next."""
        queue = self._queue(request.role)
        if queue is None:
            self._time.refund(turn.ticket.client, turn.ticket.cost - turn.served)
        else:
            queue.done(turn.ticket, turn.served)
            self._let_in(queue)

    def _queue(self, role: str) -> FairQueue | None:
        return self._branches if role == "branch" else self._trunks

    def _let_in(self, queue: FairQueue) -> None:
        while (admitted := queue.next()) is not None:
            ticket, tag = admitted
            entry = self._open.pop(ticket)
            if entry.cancelled():
                # Who waited has left, and does not know yet that it is its turn.
                queue.done(ticket, 0)
            else:
                entry.set_result(tag)
