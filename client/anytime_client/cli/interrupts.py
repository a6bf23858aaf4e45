"""Ctrl-C while a session runs: the first asks for its answer, the second cancels it, the third waits for nothing."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Self

from anytime_client import AnytimeError, AsyncStream

ANSWERING = "answering now; Ctrl-C again cancels"
CANCELLING = "cancelling"


class Interrupts:
    """Within its `with` block Ctrl-C acts on a session, beside the task that reads its stream."""

    def __init__(self, stream: AsyncStream, notice: Callable[[str], None]) -> None:
        """Act on `stream`, and tell what is done with `notice`."""
        self.cancelled = False
        self._stream = stream
        self._notice = notice
        self._answering = False
        self._loop = asyncio.get_running_loop()
        self._calls: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Take Ctrl-C over."""
        self._handler_before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Give Ctrl-C back, and drop what is not answered yet: the session has ended."""
        signal.signal(signal.SIGINT, self._handler_before)
        for call in self._calls:
            call.cancel()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._act)

    def _act(self) -> None:
        if not self._answering:
            self._answering = True
            self._notice(ANSWERING)
            self._call(self._stream.answer_now())
        else:
            self.cancelled = True
            self._notice(CANCELLING)
            self._call(self._stream.cancel())
            # A server that does not even cancel is left: asyncio's own handler ends the program.
            signal.signal(signal.SIGINT, self._handler_before)

    def _call(self, action: Coroutine[Any, Any, object]) -> None:
        task = self._loop.create_task(self._attempt(action))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _attempt(self, action: Coroutine[Any, Any, object]) -> None:
        try:
            await action
        except AnytimeError as error:
            # If the server is gone the stream ends with the error too; if not, it goes on.
            self._notice(f"that did not work: {error.message}")
