"""Whether a server draws a token by the seed and its place, told from what it draws: no version and no route says it.

vLLM's V2 model runner does, its V1 runner (CPUs) draws the same noise in every request of a seed. So some tokens are
drawn in one request, and then each of them alone, in a request that goes on from those before it. By position it comes
out the same. With the noise of a first token it does only where the model is sure of it.
"""

import asyncio
from collections.abc import Sequence

from anytime_server.controller import Tokenizer
from anytime_server.engines.contract import EngineRequest, Sampling
from anytime_server.engines.remote.body import body_of
from anytime_server.engines.remote.reply import Reply
from anytime_server.engines.remote.upstream import Upstream
from anytime_server.errors import EngineDied

DRAWN = 16
LEAST = 14
"""That come out the same: prefill and decoding differ a little, so one of them may not."""
NOISE = Sampling(temperature=2.0, seed=20)
"""The highest temperature that vLLM takes: few tokens are sure."""


async def draws_by_position(upstream: Upstream, tokenizer: Tokenizer, prompt: str, patience_s: float) -> bool | None:
    """Return whether it does; None if it is too busy to show it.

    Raises:
        EngineDied: if it is lost meanwhile.
        EngineError: if it can't be asked.
    """
    start = tuple(tokenizer.encode(prompt))

    async def drawn(name: str, before: Sequence[int], tokens: int) -> list[int]:
        request = EngineRequest(f"anytime-draws-{name}", (*start, *before), tokens, NOISE, logprobs=False)
        return await generated(upstream, request, tokenizer)

    try:
        async with asyncio.timeout(patience_s):
            whole = await drawn("whole", (), DRAWN)
            alone = await asyncio.gather(*(drawn(str(at), whole[:at], 1) for at in range(1, len(whole))))
    except TimeoutError:
        return None
    equal = sum(tokens == [token] for tokens, token in zip(alone, whole[1:], strict=True))
    return equal >= len(alone) * LEAST / DRAWN


async def generated(upstream: Upstream, request: EngineRequest, tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of a small request.

    Raises:
        EngineDied: if the server is lost meanwhile.
        EngineError, InvalidRequest: if it can't be served.
    """
    reply = Reply(request, 0, upstream.url)
    tokens: list[int] = []
    async for data in upstream.generate(body_of(request, 0, tokenizer.eos_ids), {}):
        if (chunk := reply.feed(data)) is not None:
            tokens += chunk.token_ids
    if not reply.ended:
        raise EngineDied(f"{upstream.url} broke a stream off; its log says why")
    return tokens
