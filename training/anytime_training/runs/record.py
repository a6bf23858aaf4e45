"""The recipe that a run was started with, kept beside its checkpoints: a resumed run must have the same."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from anytime_training.errors import RecipeError

RECORD = "recipe.json"
MAY_CHANGE = (
    *("trainer.max_steps", "trainer.num_train_epochs", "trainer.save_", "trainer.logging_", "trainer.log_"),
    "optimiser.workers",
)


def write(recipe: BaseModel, out: Path) -> None:
    """Keep the recipe of a run."""
    (out / RECORD).write_text(json.dumps(recipe.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")


def check(recipe: BaseModel, out: Path) -> None:
    """Check that a resumed run has the recipe it was started with; its length, saving and logging may change.

    Raises:
        RecipeError: naming what differs.
    """
    path = out / RECORD
    if not path.is_file():
        return
    before = dict(_flat(json.loads(path.read_text(encoding="utf-8"))))
    now = dict(_flat(recipe.model_dump(mode="json")))
    differs = [key for key in {**before, **now} if before.get(key) != now.get(key) and not key.startswith(MAY_CHANGE)]
    if differs:
        told = ", ".join(f"{key} {before.get(key)!r}, now {now.get(key)!r}" for key in differs[:3])
        raise RecipeError(
            f"the run in {out} was started with {told}; resume with the same --recipe, --model and --set, or give "
            "another --out"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
