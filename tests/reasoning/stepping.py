"""A fake engine that works in steps, as a real one does, on an event loop whose time is virtual.

A step gives every request in the engine a token, and takes longer the more there are. Nothing else takes any time: the
loop's clock jumps to its next timer.
"""

import asyncio
import selectors

from anytime_server.engines import EngineLoad
from fakes import FakeEngine


class _Jumping(selectors.DefaultSelector):
    """Never waits: it moves the clock on by as much as it would have waited."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if timeout and not ready:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which time passes only while everything waits for it."""

    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def run_virtually(main):
    """Run a coroutine function on a virtual loop; return what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


class SteppingEngine(FakeEngine):
    """Gives all requests in it a token every `step_ms + row_ms * (how many there are)` milliseconds."""

    def __init__(self, model, *, step_ms=10.0, row_ms=0.5, **options):
        super().__init__(model, **options)
        self._step_ms, self._row_ms = step_ms, row_ms
        self._due = []
        self._stepper = None

    def load(self):
        return EngineLoad(len(self.active), 0, 0.0)

    async def _sample(self, request, sample):
        async for chunk in super()._sample(request, sample):
            await self._stepped()
            yield chunk

    async def _stepped(self):
        turn = asyncio.get_running_loop().create_future()
        self._due.append(turn)
        if self._stepper is None or self._stepper.done():
            self._stepper = asyncio.create_task(self._step())
        await turn

    async def _step(self):
        while any(not turn.done() for turn in self._due):
            # Who was given a token asks for the next one before the step begins.
            await asyncio.sleep(1e-6)
            due, self._due = self._due, []
            await asyncio.sleep((self._step_ms + self._row_ms * len(due)) / 1000)
            for turn in due:
                if not turn.done():
                    turn.set_result(None)
            await asyncio.sleep(0)
