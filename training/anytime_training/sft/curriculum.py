"""Which rows each step of an SFT run trains on."""

from dataclasses import dataclass
from random import Random

from anytime_training.problems import tasks
from anytime_training.sft.ahead import Ahead
from anytime_training.sft.recipe import Phase, SftRecipe
from anytime_training.sft.traces import RowWriter
from anytime_training.trees.row import TreeRow

BATCHES_SORTED_TOGETHER = 8

Group = list[list[TreeRow]]
"""The rows of a few steps in a row."""


class Curriculum:
    """The rows of every step of a recipe: a function of the seed and the step alone, so that a run can resume.

    The rows of a few steps are drawn together and sorted by length, which keeps padding low. With `workers`, so many
    processes draw what comes next meanwhile; the rows are the same. Close it, or use it as a context, to end them.
    """

    def __init__(self, recipe: SftRecipe, writer: RowWriter, workers: int = 0) -> None:
        self._draw = _Drawing(recipe, writer)
        groups = -(-recipe.steps // BATCHES_SORTED_TOGETHER)
        self._ahead = Ahead(self._draw, groups, workers) if workers else None
        self._drawn: tuple[int, Group] | None = None

    def rows(self, step: int) -> list[TreeRow]:
        """The rows of a step."""
        group, within = divmod(step, BATCHES_SORTED_TOGETHER)
        if self._drawn is None or self._drawn[0] != group:
            self._drawn = (group, self._ahead.get(group) if self._ahead else self._draw(group))
        return self._drawn[1][within]

    def close(self) -> None:
        """End the processes that draw ahead."""
        if self._ahead:
            self._ahead.close()

    def __enter__(self) -> "Curriculum":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Draws the rows of a group of steps."""

    recipe: SftRecipe
    writer: RowWriter

    def __call__(self, group: int) -> Group:
        rng = Random(f"{self.recipe.seed}/{group}")
        phase = self.recipe.phase_at(group * BATCHES_SORTED_TOGETHER)
        size = self.recipe.optimiser.batch_rows
        families = rng.choices(list(phase.families), list(phase.families.values()), k=size * BATCHES_SORTED_TOGETHER)
        rows = [self._row(family, phase, rng) for family in families]
        rows.sort(key=lambda row: len(row.ids))
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        rng.shuffle(batches)
        return batches

    def _row(self, family: str, phase: Phase, rng: Random) -> TreeRow:
        return self.writer.write(tasks.sample(rng, family, phase.count), rng, phase.weights, phase.style)
