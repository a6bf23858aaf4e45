"""An engine behind a `Gate`; one that orders its own queue is told the order as priorities."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from anytime_client.protocol import StructuredOutputs
from anytime_server.engines.contract import Chunk, Engine, EngineLoad, EngineRequest
from anytime_server.engines.gate import Gate
from anytime_server.engines.wrapper import Wrapper


class Gated(Wrapper):
    """Wraps an engine; a generation begins once it is its turn at the gate."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        """Put `gate` before `engine`, which is not started yet."""
        super().__init__(engine)
        self.recovery = engine.recovery
        self._gate = gate

    @classmethod
    def over(cls, engine: Engine, gate: Gate) -> "Gated":
        """Put `gate` before an engine that has been started."""
        gated = cls(engine, gate)
        gated._describe()
        return gated

    async def start(self) -> None:
        """See `Engine.start`."""
        await self._engine.start()
        self._describe()

    async def stop(self) -> None:
        """See `Engine.stop`."""
        await self._engine.stop()

    async def kill(self) -> None:
        """See `Engine.kill`."""
        await self._engine.kill()

    @property
    def restarts(self) -> int:  # type: ignore[override]
        """See `Engine.restarts`."""
        return self._engine.restarts

    @property
    def lost(self) -> str | None:  # type: ignore[override]
        """See `Engine.lost`."""
        return self._engine.lost

    def load(self) -> EngineLoad:
        """See `Engine.load`; what waits to think at the gate waits, too."""
        load = self._engine.load()
        return replace(load, waiting=load.waiting + self._gate.waiting)

    async def check_health(self) -> None:
        """See `Engine.check_health`."""
        await self._engine.check_health()

    async def alive(self) -> None:
        """See `Engine.alive`."""
        await self._engine.alive()

    def check_structured(self, wanted: StructuredOutputs) -> None:
        """See `Engine.check_structured`."""
        self._engine.check_structured(wanted)

    def generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """See `Engine.generate`."""
        return self._generate(request)

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        turn = await self._gate.enter(request)
        try:
            async with aclosing(self._engine.generate(replace(request, priority=int(turn.tag)))) as chunks:
                async for chunk in chunks:
                    if not turn.served:
                        self._gate.begun(turn)
                    turn.served += len(chunk.token_ids)
                    yield chunk
        finally:
            self._gate.leave(request, turn)
