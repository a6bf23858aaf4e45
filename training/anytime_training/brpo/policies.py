"""What other policies than the trained one say of a batch: the one that sampled it, and the reference.

Imports torch and trl: import it where it is used.
"""

from typing import Any

import torch
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import use_adapter

from anytime_training.algorithm.importance import importance_ratio
from anytime_training.brpo.logps import TreeLogps
from anytime_training.brpo.metrics import sampling_metrics, sampling_statistics

Batch = dict[str, torch.Tensor]


class OtherPolicies:
    """Adds to batches of `packing.batch` what TRL's loss reads of other policies, as a TRL trainer is set."""

    def __init__(self, trainer: Any, logps: TreeLogps) -> None:
        self._trainer, self._args, self._logps = trainer, trainer.args, logps

    def add(self, batch: Batch, size: int) -> dict[str, float]:
        """Add log-probabilities of the policy that sampled, where the trained one may have moved, and of the reference.

        `size` rows are computed at a time.

        Returns:
            The `sampling/` metrics, if the sampler's own log-probabilities are there and so are those of its policy.
        """
        trainer, metrics = self._trainer, {}
        generate_every = self._args.steps_per_generation * trainer.num_iterations
        corrected = trainer.use_vllm and trainer.vllm_importance_sampling_correction
        with disable_gradient_checkpointing(trainer.model, self._args.gradient_checkpointing_kwargs):
            if self._args.gradient_accumulation_steps % generate_every != 0 or corrected:
                batch["old_per_token_logps"] = self._logps.of(trainer.model, batch, size)
                metrics = self.sampling(batch, batch["old_per_token_logps"])
            if corrected:
                gap_BC = batch["old_per_token_logps"] - batch["sampling_per_token_logps"]
                batch["importance_sampling_ratio"] = importance_ratio(gap_BC * _sampled(batch), self._args)
            if trainer.beta != 0.0:
                batch["ref_per_token_logps"] = self._reference(batch, size)
        return metrics

    def sampling(self, batch: Batch, logps_BC: torch.Tensor) -> dict[str, float]:
        """How far the trained policy's log-probabilities `logps_BC` are from those that the sampler told, if it did.

        The ratios are limited as the correction limits them, whether it is on or not.
        """
        if "sampling_per_token_logps" not in batch:
            return {}
        gap_BC = logps_BC - batch["sampling_per_token_logps"]
        own_15 = sampling_statistics(gap_BC, importance_ratio(gap_BC, self._args), _sampled(batch))
        return sampling_metrics(self._trainer.accelerator.gather(own_15))

    def _reference(self, batch: Batch, size: int) -> torch.Tensor:
        trainer = self._trainer
        if trainer.ref_model is not None:
            return self._logps.of(trainer.ref_model, batch, size)
        model = trainer.accelerator.unwrap_model(trainer.model)
        with use_adapter(model, adapter_name="ref" if "ref" in model.peft_config else None):
            return self._logps.of(trainer.model, batch, size)


def _sampled(batch: Batch) -> torch.Tensor:
    return (batch["tool_mask"] > 0) & (batch["completion_mask"] > 0)
