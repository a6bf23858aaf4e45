"""An engine that is watched, and started again when it dies or hangs."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from anytime_client.protocol import StructuredOutputs
from anytime_server.engines.contract import Chunk, Engine, EngineLoad, EngineRequest
from anytime_server.engines.supervision.blame import Blame
from anytime_server.engines.supervision.restarts import Restarts
from anytime_server.engines.supervision.stalls import STALL_S, StallWatch, look_every_s
from anytime_server.engines.wrapper import Wrapper
from anytime_server.errors import EngineDied, EngineError

logger = logging.getLogger(__name__)


class Supervised(Wrapper):
    """Wraps an engine; a generation that the engine is lost under raises EngineDied, and can go on after `alive`.

    Death is noticed at once by whoever runs, else by its health check. A hang is noticed by steps that don't come. The
    engine is then started again, later each time, until that was too often (`Restarts`): then it is `lost`. A session
    that the engine dies of again and again gets an EngineError, and nobody else does (`Blame`). Between death and
    return all generations raise EngineDied, and there is no load.
    """

    recovery = "itself"

    def __init__(
        self,
        engine: Engine,
        stall_s: float = STALL_S,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Watch over `engine`, which is not started yet.

        Args:
            engine: what is started, watched and started again.
            stall_s: seconds without a step, while there are requests, after which it hangs.
            clock: seconds that never go back.
            sleep: waits so many of them.
        """
        super().__init__(engine)
        self._stall_s = stall_s
        self._look_s = look_every_s(stall_s)
        self._clock, self._sleep = clock, sleep
        self._up = False
        self._life = 0
        self._restarted_at = -math.inf
        self._start_took_s = 0.0
        self._back_at = 0.0
        self._stalls = StallWatch(stall_s, self._look_s)
        self._restarts = Restarts()
        self._blame = Blame()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._recovering: asyncio.Task[None] | None = None

    # --- what is asked of an engine ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `Engine.start`. The first start is not tried again: what is wrong with it is for the operator to mend."""
        await self._start()
        self._describe()
        self._watching = asyncio.create_task(self._watch())
        self._watching.add_done_callback(self._check)

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._up = False
        tasks = [task for task in (self._watching, self._recovering) if task is not None]
        self._watching = self._recovering = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tell()
        await self._engine.stop()

    def load(self) -> EngineLoad:
        """See `Engine.load`."""
        return self._engine.load() if self._up else EngineLoad(0, 0, 0.0)

    def check_structured(self, wanted: StructuredOutputs) -> None:
        """See `Engine.check_structured`."""
        if not self._up:
            raise self._absence()
        self._engine.check_structured(wanted)

    async def check_health(self) -> None:
        """See `Engine.check_health`; says when it may be back."""
        if not self._up:
            raise self._absence()
        await self._engine.check_health()

    async def alive(self) -> None:
        """See `Engine.alive`."""
        while not self._up:
            if self._recovering is None or self.lost is not None:
                raise self._absence()
            await self._news.wait()

    def generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """See `Engine.generate`."""
        return self._generate(request)

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        session = request.session_id or request.request_id
        await self._admit(session)
        life, reached = self._life, float(len(request.input_ids))
        self._blame.enter(session, int(reached))
        try:
            async with aclosing(self._engine.generate(request)) as chunks:
                async for chunk in chunks:
                    reached += len(chunk.token_ids) / request.samples
                    if life == self._life and self._blame.advance(session, int(reached)):
                        self._tell()
                    yield chunk
        except EngineError as error:
            if isinstance(error, EngineDied):
                self._die(life, error.message)
            if life != self._life:
                raise self._verdict(session, error.message) from error
            raise
        finally:
            if life == self._life:
                self._blame.leave(session)
                self._tell()

    # --- who may go in, and what they are told -----------------------------------------------------------------------

    async def _admit(self, session: str) -> None:
        """Let a request of the session in, once it may.

        Raises:
            EngineDied: if the engine is away.
            EngineError: if it won't come back, or has died of this session.
        """
        while True:
            if not self._up:
                raise self._absence()
            if self._blame.guilty(session):
                raise _guilty()
            if self._blame.may_enter(session):
                return
            await self._news.wait()

    def _verdict(self, session: str, cause: str) -> EngineError:
        if self._blame.guilty(session):
            logger.error("the engine has died of session %s; it is not let in again", session)
            return _guilty()
        return EngineDied(cause, retry_after=self._retry_after())

    def _absence(self) -> EngineError:
        if self.lost is not None:
            return EngineError(self.lost)
        if self._recovering is None:
            return EngineError("the engine is not running")
        return EngineDied("the engine has died and is being started again", retry_after=self._retry_after())

    def _retry_after(self) -> int:
        """Seconds until it may be back, if the next start takes as long as the last."""
        return max(1, math.ceil(self._back_at - self._clock()))

    def _tell(self) -> None:
        """Wake all who wait, to look again."""
        self._news.set()
        self._news = asyncio.Event()

    # --- watching, and starting again --------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await self._sleep(self._look_s)
            life = self._life
            if not self._up:
                continue
            try:
                await self._engine.check_health()
            except EngineError as error:
                self._die(life, error.message)
                continue
            load = self._engine.load()
            if self._stalls.hangs(self._clock(), self._engine.steps, load.running + load.waiting):
                self._die(life, f"it hangs: requests, but no step in {self._stall_s:g} s")

    async def _start(self) -> None:
        began = self._clock()
        await self._engine.start()
        self._start_took_s = self._clock() - began
        self._stalls = StallWatch(self._stall_s, self._look_s)
        self._up = True
        self._tell()

    def _die(self, life: int, cause: str) -> None:
        """Take note that the engine has died in this life, once for all who notice."""
        if not self._up or life != self._life:
            return
        self._life += 1
        self._up = False
        self._blame.died(self._clock() - self._restarted_at)
        self._back_at = self._clock() + self._start_took_s
        self._recovering = asyncio.create_task(self._recover(cause))
        self._recovering.add_done_callback(self._check)
        self._tell()

    async def _recover(self, cause: str) -> None:
        logger.warning("the engine has died: %s", cause)
        # First of all, it ends those who wait for a hung one.
        await self._engine.kill()
        if self._engine.recovery == "process":
            self._give_up(f"only a new process can start it again ({cause})")
            return
        while (wait_s := self._restarts.wait_s(self._clock())) is not None:
            self._back_at = self._clock() + wait_s + self._start_took_s
            await self._sleep(wait_s)
            self._restarts.note(self._clock())
            self.restarts += 1
            try:
                await self._start()
            except EngineError as error:
                cause = error.message
                logger.warning("the engine could not be started again: %s", cause)
                await self._engine.kill()
            else:
                self._restarted_at = self._clock()
                logger.warning("the engine is back after %.1f s", self._start_took_s)
                return
        minutes = Restarts.WINDOW_S / 60
        self._give_up(f"it was started again {Restarts.MOST} times in {minutes:.0f} minutes; last of all: {cause}")

    def _give_up(self, cause: str) -> None:
        self.lost = f"the engine is lost: {cause}"
        logger.critical("%s", self.lost)
        self._tell()

    def _check(self, task: "asyncio.Task[None]") -> None:
        """Give up if a task of ours has failed: nobody would watch over the engine."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._life += self._up
            self._up = False
            self._give_up(f"{type(error).__name__}: {error}")


def _guilty() -> EngineError:
    return EngineError(
        f"the engine died {Blame.MOST_DEATHS} times with this session's requests in it, so they are not run again; "
        "its log says why; ask for something else"
    )
