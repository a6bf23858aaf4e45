"""Slots that several clients share: none can take all of them, and none stays empty while somebody has a claim to it.

A client may take a slot while it holds less than its share, or while more than a reserve is free. Its share is what
its weight makes of all slots among those who hold or want some, and never the whole. So one client alone has all slots
but the reserve; one that comes then begins at once in the reserve, and gets the rest of its share as the other's slots
fall free.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from anytime_server.controller.fairness.virtual_time import NO_WEIGHTS

NONE_HELD: Mapping[str, int] = MappingProxyType({})

RESERVED = 0.125
"""Share of the slots that is kept for clients which hold less than theirs."""


class Shares:
    """Who holds how many of `capacity` slots, and who may take more."""

    def __init__(
        self, capacity: int, weights: Mapping[str, float] = NO_WEIGHTS, *, held: Mapping[str, int] = NONE_HELD
    ) -> None:
        """Begin with those `held`; a client without a weight has 1. Of a single slot nothing is reserved."""
        self.capacity = capacity
        self._weights = weights
        self.reserve = 0 if capacity < 2 else max(1, round(capacity * RESERVED))
        self._held = dict(held)

    @property
    def taken(self) -> int:
        """Slots held by all."""
        return sum(self._held.values())

    @property
    def most(self) -> int:
        """Slots that one client alone can have."""
        return self.capacity - self.reserve

    def may_take(self, client: str, slots: int = 1) -> bool:
        """Return whether `client` may take so many more now."""
        free = self.capacity - self.taken - slots
        return free >= self.reserve or (free >= 0 and self._held.get(client, 0) + slots <= self._share(client))

    def take(self, client: str, slots: int = 1) -> None:
        """Note that it has taken them."""
        self._held[client] = self._held.get(client, 0) + slots

    def give_back(self, client: str, slots: int = 1) -> None:
        """Note that it holds so many less."""
        self._held[client] -= slots
        if not self._held[client]:
            del self._held[client]

    def _share(self, client: str) -> int:
        """A client's part of all slots, rounded up: without one the smallest would never begin."""
        clients = {client, *self._held}
        part = self.capacity * self._weight(client) / sum(map(self._weight, clients))
        return min(self.most, math.ceil(part))

    def _weight(self, client: str) -> float:
        return self._weights.get(client, 1.0)
