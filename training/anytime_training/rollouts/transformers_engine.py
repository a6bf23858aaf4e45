"""Rollouts with transformers, by the model that a TRL trainer trains.

Imports torch and trl: import it where it is used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from trl.models import unwrap_model_for_generation

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.transformers import grouped_attention
from anytime_training.rollouts.branching import Sampling, sample_branches
from anytime_training.rollouts.generation import generate
from anytime_training.rollouts.kv_cache import TrunkCache
from anytime_training.rollouts.room import Room
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import Stem


class TransformersSampler:
    """Samples thinking and answers as `trainer.args` says; answers grow off the cache that thinking left.

    A model that runs flex_attention rolls out with sdpa: flex is compiled for every length, and thinking has all.
    """

    def __init__(self, trainer: Any, format: ThinkingFormat) -> None:
        grouped_attention.install()
        self._trainer, self._args, self._format = trainer, trainer.args, format
        self._cached: TrunkCache | None = None

    def think(self, prompts: list[list[int]], group: int) -> tuple[list[list[int]], None]:
        """See `Sampler`."""
        stop = Stop.thinking(self._format)
        with self._limits(self._args.budgets[-1], Stop.single_tokens(self._format)):
            if self._args.use_transformers_continuous_batching:
                trunks, _ = self._trainer._generate_single_turn(prompts, None, {}, group)
                return [list(trunk) for trunk in trunks], None
            with self._unwrapped() as model:
                pad_id, config = self._trainer._tokenizer.pad_token_id, self._trainer.generation_config
                trunks, self._cached = generate(model, prompts, stop, pad_id, generation_config=config)
        return trunks, None

    def answer(self, stems: Sequence[Stem]) -> tuple[list[list[list[int]]], None]:
        """See `Sampler`."""
        args = self._args
        sampling = Sampling(args.temperature, args.top_p, args.top_k or 0, args.min_p or 0.0)
        cached, self._cached = self._cached, None
        with self._unwrapped() as model:
            answers = sample_branches(
                model,
                stems,
                args.interim_samples,
                args.interim_max_tokens,
                sampling,
                self._format.eos_ids,
                cached=cached,
                room=Room.beside(model),
            )
        return answers, None

    @contextmanager
    def _unwrapped(self) -> Iterator[Any]:
        trainer = self._trainer
        with (
            unwrap_model_for_generation(
                trainer.model_wrapped,
                trainer.accelerator,
                gather_deepspeed3_params=self._args.ds3_gather_for_generation,
                generation_kwargs=trainer.generation_kwargs,
                gradient_checkpointing_kwargs=self._args.gradient_checkpointing_kwargs,
            ) as model,
            torch.no_grad(),
            trainer._dist.summon_full_params(trainer.model_wrapped, recurse=False),
            _without_flex(model),
        ):
            yield model

    @contextmanager
    def _limits(self, max_tokens: int, stop_ids: list[int]) -> Iterator[None]:
        """Generate at most `max_tokens` tokens, up to and including one of `stop_ids`."""
        config, kwargs = self._trainer.generation_config, self._trainer.generation_kwargs
        limits = {"max_new_tokens": max_tokens, "eos_token_id": stop_ids}
        before = {name: getattr(config, name) for name in limits}
        config.update(**limits)
        kwargs.update(limits)
        try:
            yield
        finally:
            config.update(**before)
            kwargs.update(before)


@contextmanager
def _without_flex(model: Any) -> Iterator[None]:
    if model.config._attn_implementation != "flex_attention":
        yield
        return
    model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.set_attn_implementation("flex_attention")
