"""What is asked: fresh synthetic problems by family, a file's or any source's; and who judges the answers."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from anytime_training.errors import EvaluationError
from anytime_training.evaluation.source import Prompt
from anytime_training.problems import tasks

if TYPE_CHECKING:
    from anytime_training.problems import DataSource

Judge = Callable[[Sequence[int], Sequence[str]], list[float]]
"""Rewards in [0, 1] of answers to the problems of these indices."""

COUNT = (2, 8)
"""Items of a synthetic problem."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The problems of a family: a user's prompts, and the judge of their answers."""

    family: str
    prompts: tuple[Prompt, ...]
    judge: Judge


def synthetic(family: str, n: int, seed: int) -> QuestionSet:
    """Draw `n` fresh problems of a synthetic family."""
    rng = Random(f"evaluation/{seed}/{family}")
    problems = [tasks.sample(rng, family, COUNT) for _ in range(n)]

    def judge(indices: Sequence[int], answers: Sequence[str]) -> list[float]:
        pairs = zip(indices, answers, strict=True)
        return [float(tasks.verify(problems[index], answer)) for index, answer in pairs]

    return QuestionSet(family, tuple(problem.prompt for problem in problems), judge)


Say = Callable[[str], None]


def _unsaid(text: str) -> None:
    """Say it to nobody."""


def from_source(
    source: "DataSource",
    verifier: str = "exact",
    n: int | None = None,
    seed: int = 1,
    instruction: str = "",
    say: Say = _unsaid,
) -> QuestionSet:
    """Load the problems of a recipe's `data`, at most `n` of them, drawn by the seed; `say` what is left out.

    Problems of reasoning_gym are judged by their own scorer, all others by the verifier. Every prompt ends with the
    `instruction`, if there is one.

    Raises:
        DataError: if it can't be loaded, lacks a column or an answer, or holds no problem.
        VerifierError: if there is no such verifier, it wants a column that there is none of, or it fails on right
            answers.
    """
    from anytime_training.problems import load, with_instruction
    from anytime_training.rewards.answer import TRIED, AnswerReward
    from anytime_training.rewards.reasoning_gym import GymScorer
    from anytime_training.rewards.verifiers import VERIFIERS
    from anytime_training.rewards.watch import LOST

    own = source.reasoning_gym and GymScorer(source.reasoning_gym, source.config, source.threshold)
    reward = AnswerReward.create(own or verifier)
    rows, report = load(source)
    if report.left_out:
        say(f"{report.kept} problems of {source} (left out: {report.left_out})")
    reward.check(rows.column_names)
    if n is not None and n < len(rows):
        rows = rows.select(sorted(Random(seed).sample(range(len(rows)), n)))
    if instruction:
        rows = with_instruction(rows, instruction)
    columns = {name: list(rows[name]) for name in rows.column_names}

    def judge(indices: Sequence[int], answers: Sequence[str]) -> list[float]:
        asked = {name: [column[index] for index in indices] for name, column in columns.items()}
        before = asdict(reward.counts)
        rewards = reward(list(answers), **asked)
        lost = {name: count - before[name] for name, count in asdict(reward.counts).items() if name in LOST}
        if any(lost.values()):
            reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in lost.items() if count)
            say(f"{sum(lost.values())} answers could not be verified, and count as wrong: {reasons}")
        return rewards

    if not own and verifier not in VERIFIERS:
        # A verifier that always fails must not be found out when all is rolled out.
        right = [accepted[0] for accepted in columns["answer"][:TRIED]]
        reward(right, **{name: column[:TRIED] for name, column in columns.items()})

    return QuestionSet(source.name, tuple(map(_prompt, rows["prompt"])), judge)


def from_file(
    path: Path,
    verifier: str = "exact",
    n: int | None = None,
    seed: int = 1,
    instruction: str = "",
    say: Say = _unsaid,
) -> QuestionSet:
    """Read a file's problems (see `from_source`).

    Raises:
        EvaluationError: if there is no such file, it is empty, or its ending is unknown.
        VerifierError: if there is no such verifier.
    """
    from pydantic import ValidationError

    from anytime_training.problems import DataSource
    from anytime_training.rewards.verifiers import resolve

    resolve(verifier)
    if not path.is_file():
        raise EvaluationError(f"--data {path} is no file")
    if not path.stat().st_size:
        raise EvaluationError(f"--data {path} is empty")
    try:
        source = DataSource(file=path)
    except ValidationError as error:
        raise EvaluationError(f"--data: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    return from_source(source, verifier, n, seed, instruction, say)


def _prompt(messages: list[dict[str, str]]) -> Prompt:
    """What the user says, where that is all."""
    return messages[0]["content"] if len(messages) == 1 else messages
