"""BRPO on TRL's GRPOTrainer: rollouts become trees of answers at every budget, trained in packed rows.

What is here are TRL's seams: the batch is generated and scored by `Collector` and `Scorer`, log-probabilities are
computed on packed rows by `TreeLogps`, and the loss is TRL's own. Imports torch and trl: import it where it is used.
"""

import time
from contextlib import nullcontext
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import use_adapter

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.algorithm.advantages import budget_prior
from anytime_training.algorithm.credit import BudgetRelative, CreditRule, Rewarded
from anytime_training.algorithm.importance import importance_ratio
from anytime_training.brpo import checks
from anytime_training.brpo.accumulation import adding_gradients
from anytime_training.brpo.config import BRPOConfig
from anytime_training.brpo.logps import TreeLogps
from anytime_training.brpo.metrics import counts, metrics, samples
from anytime_training.brpo.scoring import Scorer
from anytime_training.rollouts.backends import TRLSampler
from anytime_training.rollouts.collector import Collector, Rollouts
from anytime_training.trees import packing

Inputs = list[dict[str, Any]]
Batch = dict[str, torch.Tensor]


class BRPOTrainer(GRPOTrainer):
    """Takes the arguments of TRL's GRPOTrainer, with a `BRPOConfig`, and a rule that credits tokens.

    Reward functions are called with one completion an interim answer: its text after the thinking, cue included. The
    columns of the data set are repeated for each, and `budget` is added.
    """

    _tag_names = ["trl", "brpo", "anytime"]  # noqa: RUF012 (TRL's own class attribute)

    def __init__(
        self, model: Any, reward_funcs: Any, args: BRPOConfig, credit: CreditRule | None = None, **kwargs: Any
    ) -> None:
        """Build TRL's trainer, then check that the model can think to the largest budget.

        `credit` is BRPO's rule with `args.variance_reduction` if it is None.

        Raises:
            TrainingError: naming what is wrong with model, format or budgets.
        """
        checks.check_arguments(kwargs)
        super().__init__(model, reward_funcs, args, **kwargs)
        tokenizer = HFTokenizer(self._tokenizer, sorted(set(self.eos_token_ids)))
        format = ThinkingFormat.resolve(tokenizer, args.thinking_format).override(tokenizer, args.closing, args.cue)
        checks.check_model(self.model.config, format, args, self.is_fsdp_enabled)
        self.collector = Collector(TRLSampler(self, format), tokenizer, format, args.budgets)
        self.scorer = Scorer(
            args.budgets,
            args.interim_samples,
            budget_prior(args.prior, args.budgets),
            credit or BudgetRelative(args.variance_reduction),
            args.train_answers,
            args.can_compact,
        )
        self._logps = TreeLogps(self.accelerator, args.max_tokens_per_forward, skip_untrained=args.can_compact)

    @property
    def format(self) -> ThinkingFormat:
        """The thinking format of the model, with what the run sets."""
        return self.collector.format

    def _generate_and_score_completions(self, inputs: Inputs) -> Batch:
        mode = "train" if self.model.training else "eval"
        rollouts = self.collector.collect([example["prompt"] for example in inputs], self._group)
        start = time.perf_counter()
        rewarded = self._reward(inputs, rollouts)
        rewards_s = time.perf_counter() - start
        rows = self.scorer.rows(rollouts, rewarded, self.accelerator.process_index)
        tensors = packing.batch(rows, self._tokenizer.pad_token_id)
        output = {name: value.to(self.accelerator.device) for name, value in tensors.items()}
        weights = output["tool_mask"] * output["completion_mask"]
        output["num_items_in_batch"] = self.accelerator.gather(weights.sum()).sum()
        self._add_other_logps(output, mode)
        self._log_rollouts(mode, inputs, rollouts, rewarded, rows, rewards_s)
        return output

    @property
    def _group(self) -> int:
        group: int = self.num_generations if self.model.training else self.num_generations_eval
        return group

    def _reward(self, inputs: Inputs, rollouts: Rollouts) -> Rewarded:
        """Rewards and cuts of all processes' rollouts, since a group may lie across processes."""
        shown = self.scorer.completions(inputs, rollouts, self.collector)
        rewards_NF = self._calculate_rewards(shown.columns, shown.prompts, shown.texts, shown.ids)
        rewards_N = (rewards_NF * self.reward_weights.to(rewards_NF)).nansum(1)
        answered_N = torch.tensor([bool(ids) for ids in shown.ids], device=rewards_N.device)
        truncation_RS = torch.tensor([stem.truncation for stem in rollouts.stems], device=rewards_N.device)
        gather = self.accelerator.gather
        return self.scorer.rewarded(rewards_N, gather(answered_N), gather(truncation_RS), self._group)

    def _add_other_logps(self, output: Batch, mode: str) -> None:
        """Log-probabilities of the sampling policy, where it may differ from the trained one, and of the reference."""
        generate_every = self.args.steps_per_generation * self.num_iterations
        corrected = self.use_vllm and self.vllm_importance_sampling_correction
        size = self.args.per_device_train_batch_size if mode == "train" else self.args.per_device_eval_batch_size
        with disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs):
            if self.args.gradient_accumulation_steps % generate_every != 0 or corrected:
                output["old_per_token_logps"] = self._logps.of(self.model, output, size)
            if corrected:
                mask = (output["tool_mask"] > 0) & (output["completion_mask"] > 0)
                gap = (output["old_per_token_logps"] - output["sampling_per_token_logps"]) * mask
                output["importance_sampling_ratio"] = importance_ratio(gap, self.args)
            if self.beta != 0.0:
                output["ref_per_token_logps"] = self._reference_logps(output, size)

    def _reference_logps(self, output: Batch, size: int) -> torch.Tensor:
        if self.ref_model is not None:
            return self._logps.of(self.ref_model, output, size)
        model = self.accelerator.unwrap_model(self.model)
        with use_adapter(model, adapter_name="ref" if "ref" in model.peft_config else None):
            return self._logps.of(self.model, output, size)

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """TRL's loss of a batch; the graph of its last group of rows hangs on it.

        The groups before went backward here, so that no two graphs are held at a time. TRL's loss is asked once a group
        for the whole batch, in which the other rows are constants: so the gradients add up to that of the batch,
        whatever the loss divides by, and the last loss is that of all rows.
        """
        if "tree_reach" not in inputs or not torch.is_grad_enabled():
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        with self._logps.on(inputs, by_part=True) as forward:
            for _ in range(len(forward) - 1):
                with adding_gradients(self, model) as options:
                    self.accelerator.backward(super().compute_loss(model, inputs), **options)
            loss: torch.Tensor = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            return loss

    def _compute_loss(self, model: Any, inputs: Batch) -> torch.Tensor:
        alone = "tree_reach" in inputs and self._logps.active is None
        with self._logps.on(inputs) if alone else nullcontext():
            loss: torch.Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **options: Any) -> Any:
        if self._logps.active is None:
            return super()._get_per_token_logps_and_entropies(model, *args, **options)
        return self._logps.active(model, options.get("compute_aux_loss", False))

    def _log_rollouts(
        self,
        mode: str,
        inputs: Inputs,
        rollouts: Rollouts,
        rewarded: Rewarded,
        rows: list[packing.Packed],
        rewards_s: float,
    ) -> None:
        counted = self.accelerator.gather(torch.tensor(counts(rollouts, rows), device=self.accelerator.device))
        values = metrics(rewarded, self.args.budgets, counted)
        values |= {"seconds/thinking": rollouts.thinking_s, "seconds/answers": rollouts.answers_s}
        values |= {"seconds/rewards": rewards_s}
        for name, value in values.items():
            self._metrics[mode][name].append(value)
        if mode == "train":
            self.state.num_input_tokens_seen += int(counted[:, -1].sum())
        self._metrics[mode]["num_tokens"] = [self.state.num_input_tokens_seen]
        if self.log_completions:
            self._logs["prompt"].extend(gather_object([example["prompt"] for example in inputs]))
            self._logs["completion"].extend(gather_object(samples(rollouts, self.collector, self.args.interim_samples)))
            self._logs["rewards"]["anytime"].extend(rewarded.anytime_BG.flatten().tolist())
            first_BG = self.scorer.advantages(rewarded).thinking_BGS[..., 0]
            self._logs["advantages"].extend(first_BG.flatten().tolist())
