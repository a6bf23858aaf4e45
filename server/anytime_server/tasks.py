"""Tasks in the background: none fails in silence, all end when they are told to."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from anytime_server.logs import fields

CANCEL_AGAIN_S = 0.1

logger = logging.getLogger(__name__)


def spawn(run: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Start a part of the server, which runs until it is cancelled."""
    task = asyncio.create_task(run, name=name)
    task.add_done_callback(_tell_failure)
    return task


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("a part of the server failed", exc_info=error, extra=fields(part=task.get_name()))


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they are done.

    A cancellation can get lost in redis-py's calls (Python 3.11's `wait_for`), so it is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
