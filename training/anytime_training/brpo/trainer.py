"""BRPO on TRL's GRPOTrainer: rollouts become trees of answers at every budget, trained in packed rows.

Three of TRL's seams are used: the batch is generated and scored here, log-probabilities are computed on packed rows,
and the loss is TRL's own. Imports torch and trl: import it where it is used.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import use_adapter

from anytime_server.controller import ThinkingFormat
from anytime_server.controller.prompt import render_prompt
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.algorithm.advantages import budget_prior, interim_advantages, thinking_advantages
from anytime_training.algorithm.importance import importance_ratio
from anytime_training.brpo.config import BRPOConfig
from anytime_training.brpo.metrics import COUNTS, Rewarded, counts, metrics
from anytime_training.errors import TrainingError
from anytime_training.rollouts.backends import TRLSampler
from anytime_training.rollouts.forks import Stem, plan
from anytime_training.trees import packing
from anytime_training.trees.batch import TreeBatch

TREE = ("tree_position", "tree_reach", "tree_start")
NO_ADVANTAGE = 1e-9


class BRPOTrainer(GRPOTrainer):
    """Takes the arguments of TRL's GRPOTrainer, with a `BRPOConfig`.

    Reward functions are called with one completion an interim answer: its text after the thinking, cue included. The
    columns of the data set are repeated for each, and `budget` is added.
    """

    _tag_names = ["trl", "brpo", "anytime"]  # noqa: RUF012 (TRL's own class attribute)

    def __init__(self, model: Any, reward_funcs: Any, args: BRPOConfig, **kwargs: Any) -> None:
        """Build TRL's trainer, then check that the model can think to the largest budget.

        Raises:
            TrainingError: naming what is wrong with model, format or budgets.
        """
        if unused := sorted({"tools", "environment_factory", "rollout_func"} & {k for k, v in kwargs.items() if v}):
            raise TrainingError(f"{', '.join(unused)}: not used by BRPO's rollouts; leave it out")
        super().__init__(model, reward_funcs, args, **kwargs)
        if self.is_fsdp_enabled and not args.use_vllm:
            raise TrainingError("transformers can't roll out with a model sharded by FSDP; set use_vllm")
        self._thinking_tokenizer = HFTokenizer(self._tokenizer, sorted(set(self.eos_token_ids)))
        format = ThinkingFormat.resolve(self._thinking_tokenizer, args.thinking_format)
        self.format = format.override(self._thinking_tokenizer, args.closing, args.cue)
        self._prior_S = budget_prior(args.prior, args.budgets)
        self._sampler = TRLSampler(self, self.format)
        self._tree: dict[str, torch.Tensor] | None = None
        self._check_model()

    def _check_model(self) -> None:
        if self.format.tail_search is not None:
            raise TrainingError(
                "this family ends its thinking by headers that may call tools, and a rollout has none to call; train a "
                "model that wraps its thinking in two markers"
            )
        if self.args.use_transformers_continuous_batching and len(self.format.close_ids) != 1:
            raise TrainingError(
                f"the close marker {self.format.markers.close!r} is {len(self.format.close_ids)} tokens of this model, "
                "and continuous batching stops at one token: leave use_transformers_continuous_batching out"
            )
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        forced = len(self.format.closing_ids) + len(self.format.cue_ids)
        if context is not None and self.args.prompt_room(context, forced) <= 0:
            raise TrainingError(
                f"budgets: {self.args.budgets[-1]} thinking tokens, {forced} forced ones and an answer of "
                f"{self.args.interim_max_tokens} leave no room for a prompt in the model's context of {context}; "
                "lower the largest budget"
            )

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Leave TRL's card out, which it writes beside every checkpoint and which says little of this run."""

    # Rollouts

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        mode = "train" if self.model.training else "eval"
        clock = [time.perf_counter()]
        prompts = [self._prompt_ids(example["prompt"]) for example in inputs]
        trunks, trunk_logps = self._sampler.think(prompts, self._group)
        stems = [plan(ids, trunk, self.args.budgets, self.format) for ids, trunk in zip(prompts, trunks, strict=True)]
        clock.append(time.perf_counter())
        answers, answer_logps = self._sampler.answer(stems)
        clock.append(time.perf_counter())
        rewarded = self._reward(inputs, stems, answers)
        clock.append(time.perf_counter())
        rows = self._pack(stems, answers, rewarded, trunk_logps, answer_logps)
        output = {
            name: value.to(self.accelerator.device)
            for name, value in packing.batch(rows, self._tokenizer.pad_token_id).items()
        }
        weights = output["tool_mask"] * output["completion_mask"]
        output["num_items_in_batch"] = self.accelerator.gather(weights.sum()).sum()
        self._add_other_logps(output, mode)
        self._log_rollouts(mode, inputs, stems, answers, rewarded, rows, clock)
        return output

    def _prompt_ids(self, prompt: Any) -> list[int]:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return render_prompt(messages, self._thinking_tokenizer, self.format)

    # Rewards and advantages

    @property
    def _group(self) -> int:
        group: int = self.num_generations if self.model.training else self.num_generations_eval
        return group

    def _reward(self, inputs: list[dict[str, Any]], stems: Sequence[Stem], answers: list[list[list[int]]]) -> Rewarded:
        """Rewards and cuts of all processes' rollouts, since a group may lie across processes."""
        S, A = len(self.args.budgets), self.args.interim_samples
        columns = [
            {**example, "budget": budget} for example in inputs for budget in self.args.budgets for _ in range(A)
        ]
        replies = [ids for row in answers for ids in row]
        cue = self._thinking_tokenizer.decode(self.format.cue_ids)
        texts = [cue + self._text(ids) if ids else "" for ids in replies]
        conversational = not isinstance(inputs[0]["prompt"], str)
        completions = [[{"role": "assistant", "content": text}] for text in texts] if conversational else texts
        prompts = [example["prompt"] for example in columns]
        rewards_NF = self._calculate_rewards(columns, prompts, completions, replies)
        rewards_N = (rewards_NF * self.reward_weights.to(rewards_NF)).nansum(1)
        answered_N = self.accelerator.gather(torch.tensor([bool(ids) for ids in replies], device=rewards_N.device))
        truncation = torch.tensor([stem.truncation for stem in stems], device=rewards_N.device)
        return Rewarded(
            rewards_BGSA=(rewards_N * answered_N).view(-1, self._group, S, A).double(),
            truncation_BGS=self.accelerator.gather(truncation).view(-1, self._group, S),
            prior_S=self._prior_S.to(rewards_N.device).double(),
        )

    def _text(self, ids: Sequence[int]) -> str:
        return self._thinking_tokenizer.decode([token for token in ids if token not in self.format.eos_ids])

    def _pack(
        self,
        stems: Sequence[Stem],
        answers: list[list[list[int]]],
        rewarded: Rewarded,
        trunk_logps: list[list[float]] | None,
        answer_logps: list[list[list[float]]] | None,
    ) -> list[packing.Packed]:
        thinking, interim = self._advantages(rewarded)
        first = self.accelerator.process_index * len(stems)
        rollouts = [
            packing.Scored(
                stem,
                self.args.budgets,
                answers[index],
                thinking[first + index],
                interim[first + index],
                trunk_logps[index] if trunk_logps else (),
                answer_logps[index] if answer_logps else (),
            )
            for index, stem in enumerate(stems)
        ]
        return [packing.pack(rollout, self.args.can_compact) for rollout in rollouts]

    def _advantages(self, rewarded: Rewarded) -> tuple[list[list[float]], list[list[float]]]:
        thinking_BGS = thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S, self.args.variance_reduction)
        interim_BGSA = interim_advantages(rewarded.rewards_BGSA, rewarded.truncation_BGS)
        if self.args.train_answers == "last":
            last_BGSA = torch.zeros_like(interim_BGSA)
            last_BGSA[..., -1, -1] = interim_BGSA[..., -1, -1]
            interim_BGSA = last_BGSA
        flat = thinking_BGS.flatten(0, 1), interim_BGSA.flatten(2).flatten(0, 1)
        thinking, interim = (values.masked_fill(values.abs() < NO_ADVANTAGE, 0.0).tolist() for values in flat)
        return thinking, interim

    def _log_rollouts(
        self,
        mode: str,
        inputs: list[dict[str, Any]],
        stems: Sequence[Stem],
        answers: list[list[list[int]]],
        rewarded: Rewarded,
        rows: Sequence[packing.Packed],
        clock: Sequence[float],
    ) -> None:
        names = ("seconds/thinking", "seconds/answers", "seconds/rewards")
        values = dict(zip(names, (end - start for start, end in pairwise(clock)), strict=True))
        counted = self.accelerator.gather(torch.tensor(counts(stems, answers, rows), device=self.accelerator.device))
        values |= metrics(rewarded, self.args.budgets, counted.view(-1, len(stems), COUNTS))
        for name, value in values.items():
            self._metrics[mode][name].append(value)
        if mode == "train":
            self.state.num_input_tokens_seen += int(counted[:, -1].sum())
        self._metrics[mode]["num_tokens"] = [self.state.num_input_tokens_seen]
        if self.log_completions:
            self._log_samples(inputs, stems, answers, rewarded)

    def _log_samples(
        self, inputs: list[dict[str, Any]], stems: Sequence[Stem], answers: list[list[list[int]]], rewarded: Rewarded
    ) -> None:
        """One line a rollout: the thinking, then at each budget its first answer."""
        A = self.args.interim_samples
        texts = []
        for stem, replies in zip(stems, answers, strict=True):
            firsts = [self._text(ids) for ids in replies[::A]]
            lines = [f"[{budget}]{text}" for budget, text in zip(self.args.budgets, firsts, strict=True)]
            texts.append("\n".join([self._text(stem.trunk_ids), *lines]))
        self._logs["prompt"].extend(gather_object([example["prompt"] for example in inputs]))
        self._logs["completion"].extend(gather_object(texts))
        self._logs["rewards"]["anytime"].extend(rewarded.anytime_BG.flatten().tolist())
        first_BG = thinking_advantages(rewarded.rewards_BGSA, rewarded.prior_S)[..., 0]
        self._logs["advantages"].extend(first_BG.flatten().tolist())

    # Log-probabilities on trees

    def _add_other_logps(self, output: dict[str, torch.Tensor], mode: str) -> None:
        """Log-probabilities of the sampling policy, where it may differ from the trained one, and of the reference."""
        generate_every = self.args.steps_per_generation * self.num_iterations
        corrected = self.use_vllm and self.vllm_importance_sampling_correction
        size = self.args.per_device_train_batch_size if mode == "train" else self.args.per_device_eval_batch_size
        with torch.no_grad(), disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            if self.args.gradient_accumulation_steps % generate_every != 0 or corrected:
                output["old_per_token_logps"] = self._tree_logps(self.model, output, size)
            if corrected:
                mask = (output["tool_mask"] > 0) & (output["completion_mask"] > 0)
                gap = (output["old_per_token_logps"] - output["sampling_per_token_logps"]) * mask
                output["importance_sampling_ratio"] = importance_ratio(gap, self.args)
            if self.beta != 0.0:
                output["ref_per_token_logps"] = self._reference_logps(output, size)

    def _reference_logps(self, output: dict[str, torch.Tensor], size: int) -> torch.Tensor:
        if self.ref_model is not None:
            return self._tree_logps(self.ref_model, output, size)
        model = self.accelerator.unwrap_model(self.model)
        with use_adapter(model, adapter_name="ref" if "ref" in model.peft_config else None):
            return self._tree_logps(self.model, output, size)

    def _tree_logps(self, model: Any, batch: dict[str, torch.Tensor], size: int) -> torch.Tensor:
        parts = []
        for first in range(0, len(batch["prompt_ids"]), size):
            part = {name: value[first : first + size] for name, value in batch.items() if value.dim() > 0}
            with self._on_tree(part):
                ids = torch.cat([part["prompt_ids"], part["completion_ids"]], dim=1)
                mask = torch.cat([part["prompt_mask"], part["completion_mask"]], dim=1)
                parts.append(
                    self._get_per_token_logps_and_entropies(model, ids, mask, part["completion_ids"].size(1))[0]
                )
        return torch.cat(parts)

    def _compute_loss(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        with self._on_tree(inputs) if "tree_reach" in inputs else nullcontext():
            loss: torch.Tensor = super()._compute_loss(model, inputs)
        return loss

    @contextmanager
    def _on_tree(self, batch: dict[str, torch.Tensor]) -> Iterator[None]:
        self._tree = {name: batch[name] for name in (*TREE, "tool_mask")}
        try:
            yield
        finally:
            self._tree = None

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int, **options: Any
    ) -> Any:
        if self._tree is None:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, **options
            )
        rows = TreeBatch(input_ids, attention_mask, self._tree, logits_to_keep)
        logps, entropies, aux_losses = self._forward(model, rows, options.get("compute_aux_loss", False))
        return logps, entropies, torch.stack(aux_losses).mean() if aux_losses else None

    def _forward(
        self, model: Any, rows: TreeBatch, aux_loss: bool
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Log-probabilities and entropies (B, C) of the trees' tokens; zeros in rows that need not be computed."""
        logps, entropies, aux_losses = rows.zeros(), rows.zeros(), []
        groups = rows.groups(self.args.max_tokens_per_forward, skip_untrained=self.args.can_compact)
        repeated = self._missing(len(groups))
        for group in groups[:1] * repeated + groups:  # rows are written by index, so repeating some changes nothing
            inputs, columns = rows.inputs(group, self._flex(model))
            if aux_loss:
                inputs["output_router_logits"] = True
            with self.accelerator.autocast():
                outputs = model(**inputs, fused_lm_head=True)
            logps = logps.index_copy(0, group, rows.place(outputs.log_probs.float(), columns))
            if outputs.entropy is not None:  # a reference model has none
                entropies = entropies.index_copy(0, group, rows.place(outputs.entropy.float(), columns))
            aux_losses += [outputs.aux_loss] if aux_loss else []
        return logps, entropies, aux_losses[repeated:]

    def _missing(self, groups: int) -> int:
        """How many more groups some other process computes: sharded models need as many passes in all of them."""
        counts = self.accelerator.gather(torch.tensor([groups], device=self.accelerator.device))
        return int(counts.max()) - groups

    def _flex(self, model: Any) -> bool:
        config = self.accelerator.unwrap_model(model).config
        return bool(config._attn_implementation == "flex_attention")
