"""TRL's SFTTrainer on packed trees with a weight per token. Imports torch and trl: import it where it is used."""

from typing import Any

import torch
from trl import SFTTrainer

from anytime_training.sft.loss import weighted_loss
from anytime_training.trees.row import attention_mask


class TreeSFTTrainer(SFTTrainer):
    """Takes batches of `tree.collate`."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Leave TRL's card out, which it writes beside every checkpoint and which says little of this run."""

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The weighted loss of the batch; `num_items_in_batch` is unused, the weights average within the step."""
        mask = attention_mask(inputs["reach"], inputs["start"])
        if mask.is_cuda:  # rows are short: to look which keys nobody sees takes a GPU longer than to compute them
            mask = mask.as_subclass(torch.Tensor)
        outputs = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            attention_mask=mask,
            use_cache=False,
        )
        loss = weighted_loss(outputs.logits, inputs["input_ids"], inputs["start"], inputs["weights"])
        return (loss, outputs) if return_outputs else loss
