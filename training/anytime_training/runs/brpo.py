"""A BRPO run from a recipe: what it needs is checked and loaded in `prepare`, cheap things first, then it trains."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anytime_training import noise
from anytime_training.algorithm.credit import CreditRule
from anytime_training.problems import FilterReport
from anytime_training.rewards.answer import AnswerReward
from anytime_training.rewards.pool import Counts
from anytime_training.runs import checkpoints, inputs, judging, record
from anytime_training.runs.arguments import trainer_arguments, updates_on_a_batch
from anytime_training.runs.brpo_recipe import BrpoRecipe


@dataclass(frozen=True)
class BrpoRun:
    """A run that is ready to train the model `base`, a folder or Hub id."""

    trainer: Any
    reward: AnswerReward
    base: str
    out: Path
    checkpoint: Path | None
    report: FilterReport

    @property
    def is_main(self) -> bool:
        """Whether this is the process that speaks and saves."""
        main: bool = self.trainer.is_world_process_zero()
        return main

    @property
    def summary(self) -> str:
        """What the run starts with, in a sentence."""
        left_out = f" (left out: {self.report.left_out})" if self.report.left_out else ""
        problems = f"{len(self.trainer.train_dataset)} problems{left_out}"
        return f"{problems}; going on from {self.checkpoint.name}" if self.checkpoint else problems

    def train(self) -> dict[str, float]:
        """Train to the end and write model and tokenizer to `out`.

        Returns:
            The last logged metrics, and `steps`.

        Raises:
            RunStopped: if SIGTERM ended it early; there is a checkpoint, and no model in `out`.
        """
        from anytime_training.runs.saving import save_trained
        from anytime_training.runs.stopping import StopOnSigterm

        stop = StopOnSigterm(updates_on_a_batch(self.trainer.args))
        self.trainer.add_callback(stop)
        with self.reward:
            self.trainer.train(resume_from_checkpoint=str(self.checkpoint) if self.checkpoint else None)
        stop.check(self.out)
        save_trained(self.trainer, self.base, self.out)
        logged = [entry for entry in self.trainer.state.log_history if "anytime_reward" in entry]
        return {**(logged[-1] if logged else {}), "steps": self.trainer.state.global_step}


def prepare(
    recipe: BrpoRecipe,
    out: Path,
    max_steps: int | None = None,
    resume: bool = False,
    credit: CreditRule | None = None,
) -> BrpoRun:
    """Build everything a run needs. Checkpoints go to `out`/checkpoints; broken ones there are deleted on `resume`.

    `credit` is a rule in the place of BRPO's own.

    Raises:
        ValueError: naming the key or the input that is wrong and what to do.
    """
    import torch

    noise.quieten(bool(recipe.trainer.get("use_vllm")))
    if resume:
        record.check(recipe, out)
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    path = inputs.model_path(recipe.model.path)
    arguments = trainer_arguments(recipe, out, max_steps)
    folder = out / "checkpoints"
    checkpoint = checkpoints.to_resume(folder, arguments.max_steps, arguments.world_size) if resume else None
    tokenizer = inputs.load_tokenizer(path)
    problems, report = inputs.load_problems(recipe, arguments, tokenizer)
    reward = judging.reward_of(recipe, arguments, tokenizer)
    problems = judging.verifiable(problems, recipe, arguments, tokenizer, reward)
    report = replace(report, kept=len(problems), without_answer=report.without_answer + report.kept - len(problems))
    inputs.check_enough(problems, arguments)
    inputs.check_prompts(problems, recipe, arguments, tokenizer, path)
    evaluated = inputs.load_evaluation(recipe, arguments, tokenizer)
    if evaluated is not None:
        of_evaluation = recipe.model_copy(update={"data": recipe.evaluation_data})
        evaluated = judging.verifiable(evaluated, of_evaluation, arguments, tokenizer, reward)
        inputs.check_prompts(evaluated, of_evaluation, arguments, tokenizer, path)

    from anytime_training.brpo.trainer import BRPOTrainer

    trainer = BRPOTrainer(
        path,
        reward,
        arguments,
        credit,
        train_dataset=problems,
        eval_dataset=evaluated,
        processing_class=tokenizer,
        peft_config=_lora(recipe),
    )
    _show_progress(trainer, out, reward.counts)
    noise.expect_missing(trainer.model.all_tied_weights_keys)
    if trainer.is_world_process_zero():
        record.write(recipe, out)
    if resume and trainer.is_world_process_zero():
        checkpoints.discard_incomplete(folder)
    return BrpoRun(trainer, reward, path, out, checkpoint, report)


def _show_progress(trainer: Any, out: Path, counts: Counts) -> None:
    """Put the run's own line a step in the place of the Trainer's."""
    from transformers import PrinterCallback, ProgressCallback

    from anytime_training.runs.progress import Progress, SealCheckpoints

    for shown_otherwise in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(shown_otherwise)
    for callback in (Progress(out, counts, bar=sys.stderr.isatty()), SealCheckpoints()):
        trainer.add_callback(callback)


def _lora(recipe: BrpoRecipe) -> Any:
    lora = recipe.model.lora
    if lora is None:
        return None
    from peft import LoraConfig

    targets = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )
