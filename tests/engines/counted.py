"""An engine that writes down what another reports."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from anytime_client.protocol import StructuredOutputs
from anytime_server.engines import Chunk, Engine, EngineLoad, EngineRequest


class CountedEngine(Engine):
    """Passes everything on, and counts tokens as the contract reports them."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner
        self.name, self.model = inner.name, inner.model
        self.tokenizer, self.limits, self.default_sampling = inner.tokenizer, inner.limits, inner.default_sampling
        self.plain_from = inner.plain_from
        self.generated = self.prompt = self.cached = 0
        self.requests: list[EngineRequest] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def load(self) -> EngineLoad:
        return self._inner.load()

    async def check_health(self) -> None:
        await self._inner.check_health()

    def check_structured(self, wanted: StructuredOutputs) -> None:
        self._inner.check_structured(wanted)

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        async with aclosing(self._inner.generate(request)) as chunks:
            async for chunk in chunks:
                self.generated += len(chunk.token_ids)
                self.prompt += chunk.prompt_tokens
                self.cached += chunk.cached_tokens
                yield chunk
