"""A fake engine that delivers several tokens at once, as an engine far away does."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from anytime_server.engines import Chunk, EngineRequest
from fakes import FakeEngine


class ChunkyEngine(FakeEngine):
    """Delivers up to `chunk` tokens of a sample at once."""

    def __init__(self, model, chunk: int, **options) -> None:
        super().__init__(model, **options)
        self._chunk = chunk

    async def _sample(self, request: EngineRequest, sample: int) -> AsyncGenerator[Chunk, None]:
        held: Chunk | None = None
        async for chunk in super()._sample(request, sample):
            held = chunk if held is None else _joined(held, chunk)
            if len(held.token_ids) >= self._chunk or held.finish_reason:
                yield held
                held = None


def _joined(first: Chunk, second: Chunk) -> Chunk:
    return replace(
        first,
        token_ids=first.token_ids + second.token_ids,
        logprobs=first.logprobs + second.logprobs,
        alternatives=first.alternatives + second.alternatives,
        finish_reason=second.finish_reason,
    )
