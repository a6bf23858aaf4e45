"""The settings of a BRPO run's trainer, checked before anything is loaded."""

import difflib
import importlib.util
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime_training.errors import RecipeError
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.setting_types import check_types

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig

SET_ELSEWHERE = {
    "output_dir": "--out",
    "resume_from_checkpoint": "--resume",
    "seed": "the recipe's key seed",
    "disable_tqdm": "the run: its bar is left out where there is no terminal",
}

# Models here have no buffers that change and use all of their parameters.
DEFAULTS = {
    "report_to": "none",
    "logging_steps": 1,
    "ddp_broadcast_buffers": False,
    "ddp_find_unused_parameters": False,
}


def trainer_arguments(recipe: BrpoRecipe, out: Path, max_steps: int | None = None, to_run: bool = True) -> "BRPOConfig":
    """The trainer's settings. Unless they are `to_run`, the libraries and the GPU that they need may be missing.

    Raises:
        RecipeError: naming the key of `trainer` that is unknown, has a bad value or needs a missing library.
    """
    from anytime_training.brpo.config import BRPOConfig

    settings = {**DEFAULTS, **recipe.trainer}
    _check_keys(settings, [field.name for field in fields(BRPOConfig) if field.init])
    check_types(settings, BRPOConfig, "trainer.")
    if to_run:
        _check_libraries(recipe)
    else:
        settings["use_cpu"] = True
    _check_trackers(settings["report_to"])
    limit = settings.get("max_steps", -1)
    if max_steps is not None:
        settings["max_steps"] = max_steps if limit == -1 else min(max_steps, limit)
    settings["model_init_kwargs"] = {"dtype": recipe.model.dtype, **(settings.get("model_init_kwargs") or {})}
    try:
        arguments = BRPOConfig(output_dir=str(out / "checkpoints"), seed=recipe.seed, disable_tqdm=True, **settings)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"trainer: {error}") from error
    if arguments.eval_strategy != "no" and recipe.evaluation_data is None:
        raise RecipeError("trainer.eval_strategy evaluates evaluation_data: give some, or leave it 'no'")
    _check_saving(arguments)
    return arguments


def _check_keys(settings: dict[str, Any], known: Sequence[str]) -> None:
    for key in settings:
        if key in SET_ELSEWHERE:
            raise RecipeError(f"trainer.{key} is set by {SET_ELSEWHERE[key]}; take it out of trainer")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "see the keys of TRL's GRPOConfig and BRPOConfig"
            raise RecipeError(f"trainer.{key} is unknown; {hint}")


def _check_libraries(recipe: BrpoRecipe) -> None:
    wanted = {"vllm": "trainer.use_vllm"} if recipe.trainer.get("use_vllm") else {}
    wanted |= {"peft": "model.lora"} if recipe.model.lora else {}
    for library, key in wanted.items():
        if importlib.util.find_spec(library) is None:
            raise RecipeError(f"{key} needs {library}: pip install {library}, or leave the key out")


def _check_trackers(report_to: str | Sequence[str] | None) -> None:
    """What a run reports to must be known and installed; the Trainer finds out after the model is loaded."""
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    for name in [report_to] if isinstance(report_to, str) else report_to or ():
        if name in ("none", "all"):
            continue
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(("none", "all", *sorted(INTEGRATION_TO_CALLBACK)))
            raise RecipeError(f"trainer.report_to {name!r} is unknown; known: {known}")
        if name not in get_available_reporting_integrations():
            raise RecipeError(f"trainer.report_to: {name} needs its library: pip install {name}, or leave the key out")


def updates_on_a_batch(arguments: "BRPOConfig") -> float:
    """The updates that a batch of rollouts is used for; below 1 where an update uses several."""
    batches = (arguments.steps_per_generation or 1) * arguments.num_iterations
    return float(batches / arguments.gradient_accumulation_steps)


def _check_saving(arguments: "BRPOConfig") -> None:
    """Rollouts are not in a checkpoint, so one in the middle of their updates could not be resumed exactly."""
    if arguments.save_total_limit == 1:
        raise RecipeError("trainer.save_total_limit must be at least 2: the last one goes before the next is complete")
    updates = updates_on_a_batch(arguments)
    if arguments.save_strategy == "steps" and updates > 1 and arguments.save_steps % updates:
        raise RecipeError(
            f"trainer.save_steps {arguments.save_steps} must be a multiple of {updates:g}, the updates on one batch of "
            "rollouts, so that a resumed run goes on with new ones"
        )
