"""Rollouts with the generation backend of a TRL trainer: transformers, or vLLM (colocated or a server).

Imports torch and trl: import it where it is used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from trl.models import unwrap_model_for_generation

from anytime_server.controller import ThinkingFormat
from anytime_training.rollouts.branching import Sampling, sample_branches
from anytime_training.rollouts.generation import generate
from anytime_training.rollouts.kv_cache import TrunkCache
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import Stem


class TRLSampler:
    """Samples thinking and answers from the model that `trainer` trains, as it is now.

    On vLLM, answers are requests of their own, whose trunk is in the prefix cache, unless TRL's sleep mode empties it
    between the two. On transformers they grow off the cache that thinking left, which holds their trunk once.
    """

    def __init__(self, trainer: Any, format: ThinkingFormat) -> None:
        """Sample as `trainer.args` says: temperature, budgets, answers at each budget."""
        self._trainer, self._args, self._format = trainer, trainer.args, format
        self._cached: TrunkCache | None = None

    def think(self, prompts: list[list[int]], group: int) -> tuple[list[list[int]], list[list[float]] | None]:
        """One trunk a prompt, and its log-probabilities if the backend tells; prompts come `group` times in a row."""
        stop = Stop.thinking(self._format)
        ids = self._format.close_ids if len(self._format.close_ids) == 1 else ()
        with self._generating(self._args.budgets[-1], [*ids, *stop.ids], self._format.markers.close):
            if not self._args.use_vllm and not self._args.use_transformers_continuous_batching:
                return self._think_with_transformers(prompts, stop), None
            trunks, logps = self._trainer._generate_single_turn(prompts, None, {}, group)
        return [list(trunk) for trunk in trunks], logps

    def _think_with_transformers(self, prompts: list[list[int]], stop: Stop) -> list[list[int]]:
        """As TRL generates; the cache is kept for the answers."""
        pad_id = self._trainer._tokenizer.pad_token_id
        with self._unwrapped() as model:
            trunks, self._cached = generate(
                model, prompts, stop, pad_id, generation_config=self._trainer.generation_config
            )
        return trunks

    def answer(self, stems: Sequence[Stem]) -> tuple[list[list[list[int]]], list[list[list[float]]] | None]:
        """S * A answers of each stem, budget by budget, and their log-probabilities if the backend tells.

        An answer is empty where the stem can't be answered.
        """
        if self._args.use_vllm:
            return self._answer_with_vllm(stems)
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
        ):
            yield model

    def _answer_with_vllm(self, stems: Sequence[Stem]) -> tuple[list[list[list[int]]], list[list[list[float]]]]:
        """Every slot is asked for, so that all processes send the same number; what can't be answered is dropped."""
        A, per_stem = self._args.interim_samples, self._args.interim_samples * len(self._args.budgets)
        slots = [stem.prompt_of(slot // A) for stem in stems for slot in range(per_stem)]
        owners = [stem for stem in stems for _ in range(per_stem)]
        prompts = [slot or list(stem.prompt_ids) for slot, stem in zip(slots, owners, strict=True)]
        with self._generating(self._args.interim_max_tokens, list(self._format.eos_ids)):
            ids, logps = self._trainer._generate_single_turn(prompts, None, {}, A)
        ids = [list(reply) if slot else [] for reply, slot in zip(ids, slots, strict=True)]
        logps = [reply if slot else [] for reply, slot in zip(logps, slots, strict=True)]
        rows = range(0, len(ids), per_stem)
        return [ids[row : row + per_stem] for row in rows], [logps[row : row + per_stem] for row in rows]

    @contextmanager
    def _generating(self, max_tokens: int, stop_ids: list[int], stop_text: str | None = None) -> Iterator[None]:
        """The backend generates at most `max_tokens` tokens, up to and including one of `stop_ids`.

        vLLM also stops where the text spells `stop_text`; the other backends are told elsewhere.
        """
        trainer = self._trainer
        known, trainer.eos_token_ids = trainer.eos_token_ids, stop_ids
        if self._args.use_vllm:
            limits = self._vllm_limits(max_tokens, stop_ids, stop_text)
        else:
            limits = self._transformers_limits(max_tokens, stop_ids)
        with limits:
            try:
                yield
            finally:
                trainer.eos_token_ids = known

    @contextmanager
    def _vllm_limits(self, max_tokens: int, stop_ids: list[int], stop_text: str | None) -> Iterator[None]:
        vllm = self._trainer.vllm_generation
        before = vllm.max_completion_length, vllm.generation_kwargs
        vllm.max_completion_length = max_tokens
        text = {"stop": [stop_text], "include_stop_str_in_output": True} if stop_text else {}
        vllm.generation_kwargs = {**vllm.generation_kwargs, "stop_token_ids": stop_ids, **text}
        try:
            yield
        finally:
            vllm.max_completion_length, vllm.generation_kwargs = before

    @contextmanager
    def _transformers_limits(self, max_tokens: int, stop_ids: list[int]) -> Iterator[None]:
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
