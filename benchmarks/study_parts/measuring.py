"""What a model knows at every budget, and how it thinks and answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anytime_training.problems import tasks
from anytime_training.problems.tasks import NONE, Problem
from anytime_training.rollouts.roller import Roller
from study_parts.averages import average
from study_parts.manner import manner
from study_parts.outcomes import to_hex
from study_parts.problems import (
    COOL_PROBLEMS,
    OTHER_PROBLEMS,
    SEARCH_PROBLEMS,
    SEARCH_SEED,
    TEST_PROBLEMS,
    TEST_SEED,
    StudyTask,
    fresh,
)

TRAINED_AT, COOL = "1.0", "0.6"
"""Temperatures."""
SAMPLES = 4
COMPARED = 100
"""Problems of which several answers at a cut are compared, so many:"""
ANSWERS = 4

Measured = dict[str, dict[str, Any]]
"""By temperature, then by family."""


def measure(model: Path, task: StudyTask, search: bool) -> Measured:
    """Test a model on the same fresh problems as every other; a `search` tests less, on other problems."""
    from transformers import set_seed

    seed = SEARCH_SEED if search else TEST_SEED
    set_seed(seed)
    ruler = _Ruler(Roller.load(model), task)
    if search:
        return {TRAINED_AT: _families(ruler, task.families, seed, SEARCH_PROBLEMS, TRAINED_AT)}
    return {
        TRAINED_AT: _families(ruler, task.families, seed, TEST_PROBLEMS, TRAINED_AT)
        | _families(ruler, task.others, seed, OTHER_PROBLEMS, TRAINED_AT),
        COOL: _families(ruler, task.families, seed, COOL_PROBLEMS, COOL),
    }


def _families(ruler: "_Ruler", names: Iterable[str], seed: int, n: int, temperature: str) -> dict[str, Any]:
    return {name: ruler.measure(fresh(ruler.task, name, seed, n), float(temperature)) for name in names}


@dataclass(frozen=True, slots=True)
class _Ruler:
    roller: Roller
    task: StudyTask

    def measure(self, problems: Sequence[Problem], temperature: float) -> dict[str, Any]:
        """One thinking of each problem, and an answer at every budget."""
        tokenizer, budgets = self.roller.tokenizer, self.task.measured_at
        chats = [tokenizer.render_chat([{"role": "user", "content": problem.prompt}]) for problem in problems]
        prompts = [tokenizer.encode(chat) for chat in chats]
        trunks = self.roller.trunks(prompts, budgets[-1], temperature)
        replies = self._replies(prompts, trunks, temperature, samples=1)
        columns = list(zip(*replies, strict=True))
        right = [
            [tasks.verify(problem, text) for problem, text in zip(problems, column, strict=True)] for column in columns
        ]
        texts = [self.roller.text(trunk) for trunk in trunks]
        return {
            "problems": len(problems),
            "right": {str(at): to_hex(bits) for at, bits in zip(budgets, right, strict=True)},
            "length": average(map(len, trunks)),
            "none": {
                str(at): average(text.strip() == NONE for text in column)
                for at, column in zip(budgets, columns, strict=True)
            },
            "differ": self._differ(prompts[:COMPARED], trunks[:COMPARED], temperature),
            "manner": manner(problems, texts, list(map(len, trunks))),
            "samples": list(zip([problem.prompt for problem in problems[:SAMPLES]], texts[:SAMPLES], strict=True)),
        }

    def _replies(
        self, prompts: Sequence[list[int]], trunks: Sequence[list[int]], temperature: float, samples: int
    ) -> list[list[str]]:
        """The answers' texts of each problem, budget by budget."""
        limit = self.task.answer_tokens
        replies = self.roller.answers_at(prompts, trunks, self.task.measured_at, temperature, samples, limit)
        return [[self.roller.text(ids) for ids in row] for row in replies]

    def _differ(
        self, prompts: Sequence[list[int]], trunks: Sequence[list[int]], temperature: float
    ) -> dict[str, float]:
        """At each budget, the share of the thinking that it cuts whose answers are not all the same."""
        replies = self._replies(prompts, trunks, temperature, ANSWERS)
        shares = {}
        for place, at in enumerate(self.task.measured_at):
            groups = [row[place * ANSWERS : (place + 1) * ANSWERS] for row in replies]
            cut = [group for group, trunk in zip(groups, trunks, strict=True) if len(trunk) > at]
            shares[str(at)] = average(len(set(group)) > 1 for group in cut)
        return shares
