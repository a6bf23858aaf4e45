"""What the servers' Redis knows: who may write to which session, which is how a takeover is proved."""

from types import TracebackType
from typing import Self

from redis.asyncio import Redis

from chaos_parts.processes import HOST

SESSIONS = "anytime:*:s:*"


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


def grown(before: dict[str, int], after: dict[str, int]) -> int:
    """Return how many sessions have another fence than before."""
    return sum(after.get(key, 0) > fence for key, fence in before.items())
