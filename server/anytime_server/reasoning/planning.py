"""Requests that are being planned: rendered and tokenized, in threads."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext

from anytime_client.protocol import ReasonRequest
from anytime_server.reasoning.plan import Plan

LARGE_BYTES = 2**17
"""Larger requests take a moment to plan."""


class Planning:
    """Plans requests in threads; `sessions` tells how many sessions will come of them: they hold their slots already.

    Of the large ones one is planned at a time, so that small ones find a thread and the memory is bounded.
    """

    def __init__(self, make: Callable[[ReasonRequest], Plan]) -> None:
        """Plan by `make`, which is safe in any thread."""
        self._make = make
        self._turn = asyncio.Semaphore(1)
        self.sessions = 0

    async def plan(self, request: ReasonRequest, sessions: int) -> Plan:
        """Return the plan of so many sessions.

        Raises:
            InvalidRequest: if it can't be honoured.
        """
        self.sessions += sessions
        try:
            async with self._turn if _is_large(request) else nullcontext():
                return await asyncio.to_thread(self._make, request)
        finally:
            self.sessions -= sessions


def _is_large(request: ReasonRequest) -> bool:
    return len(request.model_dump_json(include={"prompt", "messages", "tools"})) > LARGE_BYTES
