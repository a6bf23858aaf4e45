"""A local model run by one of the server's engines: vLLM batches long thinking, and branches off its prefix cache."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from math import exp
from random import Random
from statistics import fmean
from typing import Any

from anytime_server.controller import Conditions, ThinkingFormat, render_prompt
from anytime_server.engines.choice import create_engine
from anytime_server.engines.contract import Engine, EngineRequest, Sampling
from anytime_server.errors import EngineError
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.local import LocalSource, goes_on_thinking, rollout_of
from anytime_training.evaluation.source import Done, Prompt, Reply, Rollout, Settings, conversation, unheard
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import plan_closed


@dataclass(frozen=True, slots=True)
class EngineSource:
    """A model in a folder, or on the Hub, in an engine of its own; at most `concurrency` rollouts run at a time.

    `options` are the engine's own.
    """

    model: str
    engine: str = "vllm"
    concurrency: int = 32
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """See `Source.device`."""
        return f"{self.engine}, {LocalSource(self.model).device}"

    def check(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Refuse an engine that is not installed, and what does not fit the model."""
        LocalSource(self.model).check_fits(prompts, settings)
        self._engine()

    def conditions(self, settings: Settings) -> Conditions:
        """See `Source.conditions`."""
        return LocalSource(self.model).conditions(settings)

    def rollouts(self, prompts: Sequence[Prompt], settings: Settings, done: Done = unheard) -> list[list[Rollout]]:
        """See `Source.rollouts`."""
        flat = iter(asyncio.run(self._roll_out([p for p in prompts for _ in range(settings.samples)], settings, done)))
        return [[next(flat) for _ in range(settings.samples)] for _ in prompts]

    def _engine(self) -> Engine:
        try:
            return create_engine(self.engine, self.model, self.options)
        except EngineError as error:
            raise EvaluationError(f"--engine {self.engine}: {error}") from None

    async def _roll_out(self, prompts: Sequence[Prompt], settings: Settings, done: Done) -> list[Rollout]:
        engine, places = self._engine(), asyncio.Semaphore(self.concurrency)
        try:
            await engine.start()
            run = _Run(engine, ThinkingFormat.resolve(engine.tokenizer), settings)

            async def one(index: int, prompt: Prompt) -> Rollout:
                async with places:
                    rollout = await run.rollout(index, prompt)
                done(1)
                return rollout

            return list(await asyncio.gather(*(one(index, prompt) for index, prompt in enumerate(prompts))))
        except EngineError as error:
            raise EvaluationError(f"--engine {self.engine} failed on {self.model}: {error}") from error
        finally:
            await engine.stop()


@dataclass(frozen=True, slots=True)
class _Run:
    """A started engine, and how to roll out with it. Every generation has a seed of its own, made from the run's."""

    engine: Engine
    format: ThinkingFormat
    settings: Settings

    async def rollout(self, index: int, prompt: Prompt) -> Rollout:
        """Think to the largest budget, then answer at every distinct cut at once."""
        ids = render_prompt(conversation(prompt), self.engine.tokenizer, self.format)
        most = self.settings.budgets[-1] + len(self.format.close_ids)
        trunk = await self._generate(f"{index}", ids, most, Stop.thinking(self.format))
        stem = plan_closed(ids, trunk, self.settings.budgets, self.format)
        cuts = sorted(set(stem.truncation))
        replies = await asyncio.gather(*(self._answer(f"{index}/{cut}", stem.prompt_of(cut)) for cut in cuts))
        answers = dict(zip(cuts, replies, strict=True))
        rollout = rollout_of(trunk, [answers[cut] for cut in stem.truncation], self.format, self.settings)
        if not 0 < self.settings.leak_at < rollout.length:
            return rollout
        return replace(rollout, leaked=await self._leaks(index, ids, trunk))

    async def _answer(self, name: str, prompt_ids: Sequence[int]) -> Reply:
        stop = Stop(self.format.eos_ids)
        logprobs: list[float] = []
        ids = await self._generate(name, prompt_ids, self.settings.max_answer_tokens, stop, logprobs)
        text = self.engine.tokenizer.decode([token for token in ids if token not in self.format.eos_ids])
        return Reply(text, len(ids), fmean(map(exp, logprobs)) if logprobs else 1.0)

    async def _leaks(self, index: int, prompt_ids: Sequence[int], trunk: Sequence[int]) -> bool:
        """Whether the full answer where `leak_at` cuts the trunk goes on thinking."""
        uncued = replace(self.format, cue_ids=())
        prompt = plan_closed(prompt_ids, trunk, [self.settings.leak_at], uncued).prompt_of(0)
        stop = Stop(self.format.eos_ids)
        ids = await self._generate(f"{index}/full", prompt, self.settings.full_answer_tokens, stop)
        return goes_on_thinking(ids, self.engine.tokenizer.decode(ids), self.format, self.settings)

    async def _generate(
        self,
        name: str,
        prompt_ids: Sequence[int],
        max_tokens: int,
        stop: Stop,
        logprobs: list[float] | None = None,
    ) -> list[int]:
        """Continue a prompt up to and including what stops it; the tokens' logprobs are added to `logprobs`."""
        seed = Random(f"{self.settings.seed}/{name}").getrandbits(31)
        request = EngineRequest(
            request_id=name,
            prompt_ids=tuple(prompt_ids),
            max_tokens=max_tokens,
            sampling=Sampling(self.settings.temperature, seed=seed),
            logprobs=logprobs is not None,
            session_id=name.partition("/")[0],
        )
        ids, stops = [], stop.watch()
        async with aclosing(self.engine.generate(request)) as chunks:
            async for chunk in chunks:
                for place, token in enumerate(chunk.token_ids):
                    ids.append(token)
                    if logprobs is not None:
                        logprobs.append(chunk.logprobs[place])
                    if stops(token):
                        return ids
        return ids
