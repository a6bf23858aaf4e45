"""Rollouts to measure training on: real ones of a model, in any proportions."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from anytime_training.problems import tasks
from anytime_training.rollouts.branching import Sampling, sample_branches
from anytime_training.rollouts.roller import Roller
from anytime_training.trees.forks import plan
from anytime_training.trees.packing import Packed, Scored, pack


@dataclass(frozen=True, slots=True)
class Proportions:
    """Budgets, answers at each, the most tokens of an answer, and rollouts a step."""

    name: str
    budgets: tuple[int, ...]
    answers: int
    answer_tokens: int
    prompts: int
    group: int

    @property
    def rollouts(self) -> int:
        """Rollouts a step."""
        return self.prompts * self.group


TINY = Proportions("tiny recipe", (24, 48, 72, 96), 4, 8, prompts=16, group=8)
PAPER = Proportions("paper's proportions", (480, 960, 1440, 1920), 4, 32, prompts=1, group=4)
"""Thinking 60 times as long as the longest answer, as 8,000 to 128 tokens in the paper."""


def problems(count: int, seed: int = 5) -> list[dict[str, Any]]:
    """Rows of prompts and accepted answers."""
    rng = Random(seed)
    chosen = [tasks.sample(rng, rng.choice(["largest", "smallest"]), (4, 8)) for _ in range(count)]
    return [{"prompt": [{"role": "user", "content": it.prompt}], "answer": list(it.answers)} for it in chosen]


def packed_rollouts(model: Path, proportions: Proportions, count: int) -> tuple[Roller, list[Packed], list[list[int]]]:
    """Roll out `count` prompts once; return them packed, identical answers not merged, and as separate sequences."""
    roller = Roller.load(model)
    chats = [roller.tokenizer.render_chat(row["prompt"]) for row in problems(count)]
    prompts = [roller.tokenizer.encode(chat) for chat in chats]
    trunks = roller.trunks(prompts, proportions.budgets[-1] - len(roller.format.close_ids), 1.0)
    stems = [plan(ids, trunk, proportions.budgets, roller.format) for ids, trunk in zip(prompts, trunks, strict=True)]
    answers = sample_branches(
        roller.model, stems, proportions.answers, proportions.answer_tokens, Sampling(), roller.format.eos_ids
    )
    rows, separate = [], []
    for stem, replies in zip(stems, answers, strict=True):
        different = [float(index + 1) for index in range(len(replies))]  # advantages that differ keep answers apart
        rows.append(
            pack(Scored(stem, proportions.budgets, replies, different[: len(proportions.budgets)], different), False)
        )
        separate += [[*stem.prompt_of(index // proportions.answers), *reply] for index, reply in enumerate(replies)]
    return roller, rows, separate
