"""SFT warm-up: a model learns from scratch to think aloud, and to answer wherever its thinking is cut."""

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.embedded.model import build_model, load_model
from anytime_training.embedded.tokenizer import build_tokenizer
from anytime_training.problems import tasks
from anytime_training.runs import checkpoints
from anytime_training.runs.saving import save_in_place
from anytime_training.runs.sft_recipe import SftRecipe
from anytime_training.sft.traces import RowWriter
from anytime_training.trees.row import TreeRow, collate

if TYPE_CHECKING:
    import torch

BATCHES_SORTED_TOGETHER = 8


class Curriculum:
    """The rows of every step of a recipe: a function of the seed and the step alone, so that a run can resume.

    The rows of a few steps are drawn together and sorted by length, which keeps padding low.
    """

    def __init__(self, recipe: SftRecipe, writer: RowWriter) -> None:
        self._recipe = recipe
        self._writer = writer
        self._drawn: tuple[int, list[list[TreeRow]]] | None = None

    def rows(self, step: int) -> list[TreeRow]:
        """The rows of a step."""
        group, within = divmod(step, BATCHES_SORTED_TOGETHER)
        if self._drawn is None or self._drawn[0] != group:
            self._drawn = (group, self._draw(group))
        return self._drawn[1][within]

    def _draw(self, group: int) -> list[list[TreeRow]]:
        rng = Random(f"{self._recipe.seed}/{group}")
        phase = self._recipe.phase_at(group * BATCHES_SORTED_TOGETHER)
        size = self._recipe.optimiser.batch_rows
        families = rng.choices(list(phase.families), list(phase.families.values()), k=size * BATCHES_SORTED_TOGETHER)
        rows = [self._writer.write(tasks.sample(rng, family, phase.count), rng, phase.weights) for family in families]
        rows.sort(key=lambda row: len(row.ids))
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        rng.shuffle(batches)
        return batches


def train(
    recipe: SftRecipe, out: Path, max_steps: int | None = None, resume: bool = False, start: Path | None = None
) -> dict[str, float]:
    """Run a recipe and write model and tokenizer to `out`; checkpoints go to `out`/checkpoints.

    `start` is a folder whose weights the run begins with; without it, the model begins at random.

    Returns:
        The last logged metrics, and `steps`.
    """
    import torch
    from transformers import set_seed

    torch.set_num_threads(recipe.optimiser.threads)
    set_seed(recipe.seed)
    hf_tokenizer = build_tokenizer()
    tokenizer = HFTokenizer(hf_tokenizer)
    format = ThinkingFormat.resolve(tokenizer)
    curriculum = Curriculum(recipe, RowWriter(tokenizer, format, recipe.rows))
    steps = min(recipe.steps, max_steps or recipe.steps)
    model = load_model(start) if start else build_model(recipe.model, hf_tokenizer)
    trainer = _trainer(recipe, model, hf_tokenizer, curriculum, out, steps)
    if recipe.optimiser.compile:
        trainer.model.compile(dynamic=True)
    checkpoint = checkpoints.last_complete(out / "checkpoints") if resume else None
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    save_in_place(trainer.model, hf_tokenizer, out)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"steps": steps, "first_loss": losses[0], "last_loss": losses[-1]}


def weighted_loss(
    logits_BTV: "torch.Tensor", ids_BT: "torch.Tensor", start_BT: "torch.Tensor", weights_BT: "torch.Tensor"
) -> "torch.Tensor":
    """Cross entropy of each token given the one before it in the row, averaged by weight.

    Raises:
        ValueError: if the first token of a branch has a weight: its predecessor in the row is not its predecessor.
    """
    import torch
    from torch.nn.functional import cross_entropy

    index_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    if bool((weights_BT[start_BT == index_T] > 0).any()):
        raise ValueError("the first token of a segment can't be a target")
    targets = weights_BT[:, 1:] > 0
    losses = cross_entropy(logits_BTV[:, :-1][targets].float(), ids_BT[:, 1:][targets], reduction="none")
    weights = weights_BT[:, 1:][targets]
    return (losses * weights).sum() / weights.sum()


def _trainer(recipe: SftRecipe, model: Any, tokenizer: Any, curriculum: Curriculum, out: Path, steps: int) -> Any:
    from datasets import Dataset
    from trl import SFTConfig

    from anytime_training.runs.progress import SealCheckpoints
    from anytime_training.sft.trainer import TreeSFTTrainer

    optimiser = recipe.optimiser
    arguments = SFTConfig(
        output_dir=str(out / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=1,  # one item of the data set is a step; the collator draws its rows
        train_sampling_strategy="sequential",
        learning_rate=optimiser.learning_rate,
        warmup_steps=min(optimiser.warmup_steps, steps // 2),
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.1},
        adam_beta2=optimiser.beta2,
        weight_decay=optimiser.weight_decay,
        max_grad_norm=optimiser.max_grad_norm,
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=not _has_gpu(),
        logging_steps=min(25, max(1, steps // 4)),
        save_steps=250,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return TreeSFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"step": list(range(recipe.steps))}),
        data_collator=lambda items: collate(curriculum.rows(items[0]["step"]), tokenizer.pad_token_id),
        processing_class=tokenizer,
        callbacks=[SealCheckpoints()],
    )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
