"""Where a request goes: to where its session's trunk is, or else to the server with the least to do.

A branch finds its trunk in the cache of the server that made it, under data parallelism in that of the one rank. So a
session keeps its seat while that server is up. Its first request takes the emptiest rank of the emptiest server.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from anytime_server.engines.remote.upstream import Upstream

REMEMBERED = 65536
"""Sessions whose seat is known; an older one is placed anew."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A server, and one of its ranks."""

    upstream: Upstream
    rank: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """Pins the request to the rank, if there are several."""
        return {"X-data-parallel-rank": str(self.rank)} if self.upstream.ranks > 1 else {}

    @property
    def usable(self) -> bool:
        """Whether the server is up, and still has the rank."""
        return self.upstream.up and self.rank < self.upstream.ranks

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count a request as running there."""
        self.upstream.running[self.rank] += 1
        try:
            yield
        finally:
            self.upstream.running[self.rank] -= 1


class Placement:
    """Finds seats among some servers, and remembers those of sessions."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        """Place requests on these."""
        self._upstreams = upstreams
        self._seats: OrderedDict[str, Seat] = OrderedDict()

    def seat(self, session_id: str, without: Collection[Upstream] = ()) -> Seat | None:
        """Return where a request of this session goes; None if no server is up but those to do `without`.

        An empty id is no session: its requests have nothing in common.
        """
        known = self._seats.get(session_id)
        if known is None or not known.usable or known.upstream in without:
            known = self._emptiest(without)
        if known is not None and session_id:
            self._seats[session_id] = known
            self._seats.move_to_end(session_id)
            if len(self._seats) > REMEMBERED:
                self._seats.popitem(last=False)
        return known

    def _emptiest(self, without: Collection[Upstream]) -> Seat | None:
        usable = [upstream for upstream in self._upstreams if upstream.up and upstream not in without]
        if not usable:
            return None
        upstream = min(usable, key=lambda one: sum(one.loads) / one.ranks)
        return Seat(upstream, upstream.loads.index(min(upstream.loads)))
