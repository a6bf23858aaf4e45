"""Which rows each step of an SFT run trains on."""

from random import Random

from anytime_training.problems import tasks
from anytime_training.sft.recipe import Phase, SftRecipe
from anytime_training.sft.traces import RowWriter
from anytime_training.trees.row import TreeRow

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
        rows = [self._row(family, phase, rng) for family in families]
        rows.sort(key=lambda row: len(row.ids))
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        rng.shuffle(batches)
        return batches

    def _row(self, family: str, phase: Phase, rng: Random) -> TreeRow:
        return self._writer.write(tasks.sample(rng, family, phase.count), rng, phase.weights, phase.style)
