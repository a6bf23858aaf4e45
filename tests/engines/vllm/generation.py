"""Requests to a real engine, and what came of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from anytime_server.controller import BudgetPolicy, BudgetState, ThinkingFormat
from anytime_server.engines import Chunk, Engine, EngineLoad, EngineRequest, Sampling, Thinking

GREEDY = Sampling(temperature=0.0)
QUESTION = "What is 37+48?"


@dataclass
class Generation:
    """One sample, its chunks put together."""

    thinking: Thinking | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0

    def add(self, chunk: Chunk) -> None:
        self.tokens += chunk.token_ids
        self.logprobs += chunk.logprobs
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.prompt_tokens += chunk.prompt_tokens
        self.cached_tokens += chunk.cached_tokens

    @property
    def state(self) -> BudgetState:
        assert self.thinking is not None
        state = self.thinking.state()
        for token in self.tokens:
            state.observe(token)
        return state

    @property
    def forced(self) -> list[bool]:
        """One per token: whether the state machine forces it."""
        assert self.thinking is not None
        state, flags = self.thinking.state(), []
        for token in self.tokens:
            flags.append(state.forces)
            state.observe(token)
        return flags

    @property
    def computed_tokens(self) -> int:
        return self.prompt_tokens - self.cached_tokens


def terse(engine: Engine) -> ThinkingFormat:
    """The engine's format; where its tokens are bytes, without Qwen's closing, which would be a hundred of them."""
    resolved = ThinkingFormat.resolve(engine.tokenizer)
    return resolved if len(resolved.closing_ids) < 64 else ThinkingFormat.resolve(engine.tokenizer, "think-tags")


def short(engine: Engine, close: str | None = None) -> ThinkingFormat:
    """The engine's format, or one with another close marker, with a closing of three tokens before it, a cue of four.

    Random weights end the sequence at random places, so only a test that is about it has such tokens.
    """
    resolved = ThinkingFormat.resolve(engine.tokenizer)
    if close is not None:
        resolved = ThinkingFormat.from_markers(engine.tokenizer, replace(resolved.markers, close=close))
    closing = (30, 31, 32, *resolved.close_ids)
    return replace(resolved, closing_ids=closing, cue_ids=(40, 41, 42, 43), eos_ids=())


def letters_end(engine: Engine, tokens: Sequence[int], count: int) -> int:
    """Where, after some tokens, `count` of them end that are ASCII letters: a marker can be made of them."""
    letters = [engine.tokenizer.vocabulary[token].isalpha() for token in tokens]
    return next(end for end in range(5 + count, len(tokens)) if all(letters[end - count : end]))


def prompt(engine: Engine, text: str = QUESTION) -> tuple[int, ...]:
    return tuple(engine.tokenizer.encode(text + "<think>"))


def thinking(
    format: ThinkingFormat, budget: int, trunk_ids: Sequence[int] = (), *, short_answer: bool = False, **policy: object
) -> Thinking:
    return Thinking(BudgetPolicy(budget, short_answer=short_answer, **policy), format, tuple(trunk_ids))


_names = iter(range(10**9))


async def run(
    engine: Engine,
    thinks: Thinking | None = None,
    *,
    prompt_ids: Sequence[int] | None = None,
    sampling: Sampling = GREEDY,
    max_tokens: int = 64,
    samples: int = 1,
    logprobs: bool = True,
) -> list[Generation]:
    ids = tuple(prompt(engine) if prompt_ids is None else prompt_ids)
    request = EngineRequest(f"test-{next(_names)}", ids, max_tokens, sampling, samples, thinks, logprobs=logprobs)
    generations = [Generation(thinks) for _ in range(samples)]
    async for chunk in engine.generate(request):
        generations[chunk.sample].add(chunk)
    return generations


async def run_one(engine: Engine, thinks: Thinking | None = None, **options: object) -> Generation:
    (generation,) = await run(engine, thinks, **options)
    return generation


async def until_idle(engine: Engine, seconds: float = 1.0) -> EngineLoad:
    """Wait until the engine holds nothing; return its load, which is not idle if that took too long."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (load := engine.load()) != EngineLoad(0, 0, 0.0) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    return load
