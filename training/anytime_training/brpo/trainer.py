"""BRPO on TRL's GRPOTrainer: rollouts become trees of answers at every budget, trained in packed rows.

What is here are TRL's seams: the batch is generated and scored by `Collector` and `Scorer`, log-probabilities are
computed on packed rows by `TreeLogps`, and the loss is TRL's own. Imports torch and trl: import it where it is used.
"""

from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.algorithm.advantages import VarianceReduction, budget_prior
from anytime_training.algorithm.credit import BudgetRelative, CreditRule
from anytime_training.brpo import checks
from anytime_training.brpo.accumulation import adding_gradients
from anytime_training.brpo.compilation import Compilation
from anytime_training.brpo.config import BRPOConfig
from anytime_training.brpo.journal import Journal
from anytime_training.brpo.judge import Inputs, Judge
from anytime_training.brpo.logps import TreeLogps
from anytime_training.brpo.policies import OtherPolicies
from anytime_training.brpo.resampling import Processes, Resampler
from anytime_training.brpo.scoring import Completions, Scorer, TrainAnswers
from anytime_training.rollouts.backends import sampler_of
from anytime_training.rollouts.collector import Collector
from anytime_training.rollouts.vllm_engine import sequences
from anytime_training.trees import packing

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
        checks.check_arguments(kwargs, args)
        with sequences(args.vllm_max_num_seqs) if args.use_vllm else nullcontext():
            super().__init__(model, reward_funcs, args, **kwargs)
        tokenizer = HFTokenizer(self._tokenizer, sorted(set(self.eos_token_ids)))
        format = args.format_of(tokenizer)
        checks.check_experts(self.aux_loss_enabled)
        checks.check_model(self.model.config, format, args, self.is_fsdp_enabled)
        self.collector = Collector(sampler_of(self, format), tokenizer, format, args.budgets)
        self.scorer = Scorer(
            args.budgets,
            args.interim_samples,
            budget_prior(args.prior, args.budgets),
            credit or BudgetRelative(cast(VarianceReduction, args.variance_reduction)),
            cast(TrainAnswers, args.train_answers),
            args.answer_weight,
            args.can_compact,
        )
        self._judge = Judge(self.collector, self.scorer, self._rewards, self.reward_weights, self.accelerator.gather)
        self._journal = Journal(self, self.collector, self.scorer)
        self._compilation = Compilation.of(self.model.config, format, args)
        self._logps = TreeLogps(
            self.accelerator, args.max_tokens_per_forward, args.can_compact, self._compilation.shapes
        )
        self._policies = OtherPolicies(self, self._logps)
        self._resampler = self._make_resampler() if args.dynamic_sample else None

    def _make_resampler(self) -> Resampler:
        accelerator, args = self.accelerator, self.args
        processes = Processes(accelerator.process_index, accelerator.num_processes, gather_object)
        return Resampler(self.train_dataset, self.num_generations, args.max_resample_times, args.seed, processes)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Leave TRL's card out, which it writes beside every checkpoint and which says little of this run."""

    @property
    def format(self) -> ThinkingFormat:
        """The thinking format of the model, with what the run sets."""
        return self.collector.format

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """TRL's step, with flex_attention compiled for the shapes of the run's rows, backward pass included."""
        with self._compilation():
            loss: torch.Tensor = super().training_step(*args, **kwargs)
            return loss

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's step of an evaluation, compiled as a training step is."""
        with self._compilation():
            return super().prediction_step(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: Inputs) -> Batch:
        mode = "train" if self.model.training else "eval"
        judge = partial(self._judge, group=self.num_generations if mode == "train" else self.num_generations_eval)
        judged = judge(inputs)
        if mode == "train" and self._resampler is not None:
            key = f"{self.state.global_step}/{self._step % self.args.gradient_accumulation_steps}"
            judged, replaced = self._resampler(judged, judge, key)
            self._journal.log(mode, {"resampled_groups": replaced})
        rows = self.scorer.rows(judged.rollouts, judged.rewarded, self.accelerator.process_index)
        tensors = packing.batch(rows, self._tokenizer.pad_token_id)
        output = {name: value.to(self.accelerator.device) for name, value in tensors.items()}
        weights = output["tool_mask"] * output["completion_mask"]
        output["num_items_in_batch"] = self.accelerator.gather(weights.sum()).sum()
        size = self.args.per_device_train_batch_size if mode == "train" else self.args.per_device_eval_batch_size
        self._journal.log(mode, self._policies.add(output, size))
        self._journal.rollouts(mode, judged, rows)
        return output

    def _rewards(self, shown: Completions) -> torch.Tensor:
        rewards_NF: torch.Tensor = self._calculate_rewards(shown.columns, shown.prompts, shown.texts, shown.ids)
        return rewards_NF

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """TRL's loss of a batch; the graph of its last group of rows hangs on it.

        The groups before went backward here, so that no two graphs are held at a time. TRL's loss is asked once a group
        for the whole batch, in which the other rows are constants: so the gradients add up to that of the batch,
        whatever the loss divides by, and the last loss is that of all rows.
        """
        if "tree_reach" not in inputs or not torch.is_grad_enabled():
            loss: torch.Tensor = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            return loss
        with self._logps.on(inputs, by_part=self.args.can_split) as forward:
            for _ in range(len(forward) - 1):
                with adding_gradients(self, model) as options:
                    self.accelerator.backward(super().compute_loss(model, inputs), **options)
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if "old_per_token_logps" not in inputs:  # the policy is still the one that sampled
            self._journal.log("train", self._policies.sampling(inputs, forward.logps_BC))
        return loss

    def _compute_loss(self, model: Any, inputs: Batch) -> torch.Tensor:
        alone = "tree_reach" in inputs and self._logps.active is None
        with self._logps.on(inputs) if alone else nullcontext():
            loss: torch.Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(self, model: Any, *args: Any, **options: Any) -> Any:
        if self._logps.active is None:
            return super()._get_per_token_logps_and_entropies(model, *args, **options)
        return *self._logps.active(model), None  # no auxiliary loss: checks.check_experts
