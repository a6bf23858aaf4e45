"""Start-time fair queueing: whose turn it is, by what each client has been served.

    start(request)  = max(v, finish(client))
    finish(client)  = start + cost / weight
    v               = the start of the request that began last

Whoever has the lowest start goes first. Over any time in which two clients both wait, what they are served by weight
differs by no more than their largest request each, whatever the server's speed (Goyal, Vin and Cheng, IEEE/ACM
Transactions on Networking 5(5), 1997). A client that was idle has saved up nothing, and owes nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType

NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


class VirtualTime:
    """Tags of requests, in tokens of service to a client of weight 1."""

    def __init__(self, weights: Mapping[str, float] = NO_WEIGHTS) -> None:
        """Begin at 0; a client without a weight has 1.

        Raises:
            ValueError: if a weight is not above 0.
        """
        if any(weight <= 0 for weight in weights.values()):
            raise ValueError("weights must be above 0")
        self.now = 0.0
        self._weights = weights
        self._finish: dict[str, float] = {}

    def weight(self, client: str) -> float:
        """Return a client's weight."""
        return self._weights.get(client, 1.0)

    def start(self, client: str, since: float = 0.0) -> float:
        """Return the tag of a client's next request, which it has waited with since the virtual time `since`."""
        return max(since, self._finish.get(client, 0.0))

    def admit(self, client: str, cost: float) -> float:
        """Charge a request that comes now, and return its tag."""
        start = self.start(client, self.now)
        self.charge(client, start, cost)
        return start

    def charge(self, client: str, start: float, cost: float) -> None:
        """Note that a request with the tag `start` will be served `cost` tokens."""
        self._finish[client] = max(self._finish.get(client, 0.0), start) + cost / self.weight(client)

    def begin(self, start: float) -> None:
        """Note that a request with the tag `start` is being served."""
        self.now = max(self.now, start)

    def refund(self, client: str, cost: float) -> None:
        """Give back what was charged and not served. A client whose service lies behind is forgotten."""
        if client in self._finish:
            self._finish[client] -= cost / self.weight(client)
            if self._finish[client] <= self.now:
                del self._finish[client]
