"""Whether a server draws a token by the seed and its place, told from what it draws: no version and no route says it.

vLLM's V2 model runner does, its V1 runner (CPUs) draws the same noise in every request of a seed. So some tokens are
drawn in one request, and then some of them alone, each in a request that goes on from those before it. By position they
come out the same. With the noise of a first token they do only where the model is sure of them, so it is unlikely ones
that are drawn again.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain
from math import log
from typing import NamedTuple

from anytime_server.controller import Tokenizer
from anytime_server.engines.contract import EngineRequest, Sampling
from anytime_server.engines.remote.body import body_of
from anytime_server.engines.remote.reply import Reply
from anytime_server.engines.remote.upstream import Upstream
from anytime_server.errors import EngineDied

SEEDS = range(20, 28)
DRAWN = 16
"""Tokens of each seed."""
UNSURE = log(0.5)
"""Below it, another draw would hardly come out the same by chance."""
AGAIN = 16
"""Tokens that are drawn again, at the most."""
LEAST = 0.85
"""The share of them that comes out the same: prefill and decoding differ a little, so not all need to."""
TEMPERATURE = 2.0
"""The highest that vLLM takes: few tokens are sure."""


class Drawn(NamedTuple):
    """A token, and how likely it was."""

    token: int
    logprob: float


async def draws_by_position(upstream: Upstream, tokenizer: Tokenizer, prompt: str, patience_s: float) -> bool | None:
    """Return whether it does; None if it is too busy to show it.

    Raises:
        EngineDied: if it is lost meanwhile.
        EngineError: if it can't be asked.
    """
    start = tuple(tokenizer.encode(prompt))

    async def drawn(seed: int, before: Sequence[int], tokens: int) -> list[Drawn]:
        sampling = Sampling(temperature=TEMPERATURE, seed=seed)
        request = EngineRequest(f"anytime-draws-{seed}-{len(before)}", (*start, *before), tokens, sampling)
        return await generated(upstream, request, tokenizer)

    async def places(seed: int) -> list[Place]:
        whole = await drawn(seed, (), DRAWN)
        ids = [one.token for one in whole]
        return [Place(one.logprob, seed, ids[:at], one.token) for at, one in enumerate(whole) if at > 0]

    async def is_drawn_again(place: Place) -> bool:
        return [one.token for one in await drawn(place.seed, place.before, 1)] == [place.token]

    try:
        async with asyncio.timeout(patience_s):
            found = chain.from_iterable(await asyncio.gather(*map(places, SEEDS)))
            unsure = sorted(place for place in found if place.logprob < UNSURE)[:AGAIN]
            same = await asyncio.gather(*map(is_drawn_again, unsure))
    except TimeoutError:
        return None
    return sum(same) >= LEAST * len(same)


class Place(NamedTuple):
    """A token of a request, how likely it was, and the tokens drawn before it."""

    logprob: float
    seed: int
    before: list[int]
    token: int


async def generated(upstream: Upstream, request: EngineRequest, tokenizer: Tokenizer) -> list[Drawn]:
    """Return the tokens of a small request with logprobs.

    Raises:
        EngineDied: if the server is lost meanwhile.
        EngineError, InvalidRequest: if it can't be served.
    """
    reply = Reply(request, 0, upstream.url)
    tokens: list[Drawn] = []
    async for data in upstream.generate(body_of(request, 0, tokenizer.eos_ids), {}):
        if (chunk := reply.feed(data)) is not None:
            tokens += map(Drawn, chunk.token_ids, chunk.logprobs)
    if not reply.ended:
        raise EngineDied(f"{upstream.url} broke a stream off; its log says why")
    return tokens
