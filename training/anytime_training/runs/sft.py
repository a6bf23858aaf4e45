"""An SFT run from a recipe: a model learns from scratch to think aloud, and to answer wherever its thinking is cut."""

import os
from pathlib import Path
from typing import Any

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training import noise
from anytime_training.embedded.model import build_model, load_model
from anytime_training.embedded.tokenizer import build_tokenizer
from anytime_training.runs import checkpoints, record
from anytime_training.runs.allocator import keep_freed_memory
from anytime_training.runs.saving import save_in_place
from anytime_training.sft.curriculum import Curriculum
from anytime_training.sft.recipe import SftRecipe
from anytime_training.sft.traces import RowWriter
from anytime_training.trees.row import collate

GPU_MULTIPLE = 64
"""Rows on a GPU are padded to a multiple of this: its kernels want masks that are aligned, and few shapes."""
MOST_WORKERS = 8
"""Processes that draw rows, unless a recipe says: more than a GPU and a small model keep busy."""


def train(
    recipe: SftRecipe, out: Path, max_steps: int | None = None, resume: bool = False, start: Path | None = None
) -> dict[str, float]:
    """Run a recipe and write model and tokenizer to `out`; checkpoints go to `out`/checkpoints.

    `start` is a folder whose weights the run begins with; without it, the model begins at random.

    Returns:
        The last logged metrics, and `steps`.

    Raises:
        RunStopped: if SIGTERM ended it early; there is a checkpoint, and no model in `out`.
        TrainingError: if the run can't be resumed as it would have gone on.
    """
    import torch
    from transformers import set_seed

    from anytime_training.runs.stopping import StopOnSigterm

    if resume:
        record.check(recipe, out)
    torch.set_num_threads(recipe.optimiser.threads)
    if not _has_gpu():
        keep_freed_memory()
    set_seed(recipe.seed)
    hf_tokenizer = build_tokenizer()
    tokenizer = HFTokenizer(hf_tokenizer)
    format = ThinkingFormat.resolve(tokenizer)
    steps = min(recipe.steps, max_steps or recipe.steps)
    model = load_model(start) if start else build_model(recipe.model, hf_tokenizer)
    stop = StopOnSigterm()
    with Curriculum(recipe, RowWriter(tokenizer, format, recipe.rows), _workers(recipe)) as curriculum:
        trainer = _trainer(recipe, model, hf_tokenizer, curriculum, out, steps)
        folder = out / "checkpoints"
        checkpoint = _checkpoint(recipe, folder, steps, trainer.args.world_size) if resume else None
        if trainer.is_world_process_zero():
            record.write(recipe, out)
            if resume:
                checkpoints.discard_incomplete(folder)
        noise.expect_missing(trainer.model.all_tied_weights_keys)
        if recipe.optimiser.compile:
            trainer.model.compile(dynamic=True)
        trainer.add_callback(stop)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    stop.check(out)
    save_in_place(trainer.model, hf_tokenizer, out)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"steps": steps, "first_loss": losses[0], "last_loss": losses[-1]}


def _trainer(recipe: SftRecipe, model: Any, tokenizer: Any, curriculum: Curriculum, out: Path, steps: int) -> Any:
    from datasets import Dataset
    from trl import SFTConfig

    from anytime_training.runs.progress import SealCheckpoints
    from anytime_training.sft.trainer import TreeSFTTrainer

    optimiser = recipe.optimiser
    multiple = GPU_MULTIPLE if _has_gpu() else 1
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
        bf16=optimiser.bf16 and _computes_bf16(),
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
        data_collator=lambda items: collate(curriculum.rows(items[0]["step"]), tokenizer.pad_token_id, multiple),
        processing_class=tokenizer,
        callbacks=[SealCheckpoints()],
    )


def _checkpoint(recipe: SftRecipe, folder: Path, steps: int, processes: int) -> Path | None:
    more = "take it as --model of a new run" if steps == recipe.steps else "raise --max-steps"
    return checkpoints.to_resume(folder, steps, processes, more)


def _workers(recipe: SftRecipe) -> int:
    if recipe.optimiser.workers is not None:
        return recipe.optimiser.workers
    return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1)) if _has_gpu() else 0


def _computes_bf16() -> bool:
    """Whether the processor has instructions for bfloat16: without them it is slower than float32."""
    import torch

    return _has_gpu() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
