"""Whether a server draws a token by the seed and its place, told from two draws: no version and no route says it.

vLLM's V2 model runner does, its V1 runner (CPUs) draws the same noise in every request of a seed. So one request is
drawn, and then its second half again, from where it began. At a temperature that makes all tokens about as likely,
what comes is the noise: that of the second half, or that of the first.
"""

import asyncio

from anytime_server.controller import Tokenizer
from anytime_server.engines.contract import EngineRequest, Sampling
from anytime_server.engines.remote.body import body_of
from anytime_server.engines.remote.reply import Reply
from anytime_server.engines.remote.upstream import Upstream
from anytime_server.errors import EngineDied

DRAWN = 16
NOISE = Sampling(temperature=100.0, seed=20)


async def draws_by_position(upstream: Upstream, tokenizer: Tokenizer, prompt: str, patience_s: float) -> bool | None:
    """Return whether it does; None if it is too busy to show it.

    Raises:
        EngineDied: if it is lost meanwhile.
        EngineError: if it can't be asked.
    """
    start = tuple(tokenizer.encode(prompt))
    try:
        async with asyncio.timeout(patience_s):
            whole = await generated(
                upstream, EngineRequest("anytime-draws", start, DRAWN, NOISE, logprobs=False), tokenizer
            )
            half = len(whole) // 2
            rest = EngineRequest("anytime-draws", (*start, *whole[:half]), DRAWN - half, NOISE, logprobs=False)
            again = await generated(upstream, rest, tokenizer)
    except TimeoutError:
        return None
    # Arithmetic differs a little between prefill and decoding, so one of them may come out otherwise.
    equal = sum(one == other for one, other in zip(again, whole[half:], strict=False))
    return equal > len(whole[half:]) // 2


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
