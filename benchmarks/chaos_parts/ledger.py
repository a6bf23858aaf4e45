"""What the servers' Redis knows: who may write to which session, and the tokens of each."""

from types import TracebackType
from typing import Self

from redis.asyncio import Redis

from chaos_parts.processes import HOST
from chaos_parts.tokens import Tokens, tokens_of

SESSIONS = "anytime:*:s:*"
"""A hash for each session: it has a fence."""
LOGS = "anytime:*:e:*"
"""A stream for each session: its log, an event `e` and its account `t` in each entry."""


class Ledger:
    """Looks at what is stored, from outside."""

    def __init__(self, port: int) -> None:
        """Look at the Redis on this port."""
        self._redis = Redis(host=HOST, port=port, decode_responses=True)

    async def __aenter__(self) -> Self:
        """Use it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def fences(self) -> dict[str, int]:
        """Return the fence of each session: it grows whenever a server takes the session over."""
        found: dict[str, int] = {}
        async for key in self._redis.scan_iter(SESSIONS, count=1000):
            found[key] = int(await self._redis.hget(key, "fence") or 0)
        return found

    async def tokens(self) -> dict[str, Tokens]:
        """Return the tokens of each session, by its id."""
        found: dict[str, Tokens] = {}
        async for key in self._redis.scan_iter(LOGS, count=1000):
            entries = await self._redis.xrange(key)
            found[key.rpartition(":")[2]] = tokens_of((fields["e"], fields["t"]) for _, fields in entries)
        return found


def grown(before: dict[str, int], after: dict[str, int]) -> int:
    """Return how many sessions have another fence than before."""
    return sum(after.get(key, 0) > fence for key, fence in before.items())
