"""From rollouts to curves: accuracy at each budget, the area under it, and how long the thinking was."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from anytime_server.values import Same, same_value
from anytime_training.evaluation.agreement import agreement
from anytime_training.evaluation.courses import Course, course_of
from anytime_training.evaluation.questions import QuestionSet
from anytime_training.evaluation.source import Done, Rollout, Settings, Source, unheard
from anytime_training.evaluation.statistics import (
    Estimate,
    accuracy,
    anytime_index,
    area,
    area_under,
    calibration_error,
)

MEAN = "mean"
"""The name of the curve that is the mean over families, each of the same weight."""


@dataclass(frozen=True, slots=True)
class Point:
    """The answers at one budget (thinking tokens): how many are right, and their length against the cap.

    `answer_tokens` is a mean; `capped` is the share of answers that took all the tokens they may have.
    """

    budget: int
    accuracy: Estimate
    answer_tokens: float
    capped: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One run on one family. `lengths` holds (thinking tokens, ended by itself) of every rollout.

    `index` is the Anytime Index. `settled` is the mean of the thinking tokens from which on an answer does not change
    any more. `calibration_error` is that of all answers, at every budget. `leaked` is the share of full answers after
    a cut that go on thinking; None if none was asked for.
    """

    run: str
    family: str
    n_problems: int
    samples: int
    points: tuple[Point, ...]
    area: Estimate
    lengths: tuple[tuple[int, bool], ...]
    index: float
    settled: float
    calibration_error: float
    leaked: float | None

    @property
    def mean_length(self) -> float:
        """Mean thinking tokens, cut at the largest budget."""
        return fmean(length for length, _ in self.lengths)

    @property
    def ended(self) -> float:
        """The share of thinking that ended by itself."""
        return fmean(ended for _, ended in self.lengths)


@dataclass(frozen=True, slots=True)
class Marked:
    """The rollouts of a family, `rewards[problem][sample][budget]` of their answers, and which are the same."""

    family: str
    rollouts: list[list[Rollout]]
    rewards: list[list[list[float]]]
    same: Same = same_value

    def courses(self, budgets: Sequence[int]) -> list[list[Course]]:
        """The rollouts as stopping rules see them, problem by problem."""
        groups = enumerate(zip(self.rollouts, self.rewards, strict=True))
        return [
            [course_of(self.family, problem, *one, budgets, self.same) for one in zip(rollouts, rewards, strict=True)]
            for problem, (rollouts, rewards) in groups
        ]


def mark(source: Source, families: Sequence[QuestionSet], settings: Settings, done: Done = unheard) -> list[Marked]:
    """Roll out all families at once, and have their answers judged and compared.

    Raises:
        EvaluationError: if the source fails, or what compares.
    """
    prompts = [prompt for family in families for prompt in family.prompts]
    groups = source.rollouts(prompts, settings, done)
    same, rollouts = agreement(rollout for group in groups for rollout in group), iter(groups)
    return [_mark(family, [next(rollouts) for _ in family.prompts], same) for family in families]


def measure(run: str, source: Source, families: Sequence[QuestionSet], settings: Settings) -> list[Curve]:
    """As `mark`, then `curves_of`."""
    return curves_of(run, mark(source, families, settings), settings)


def curves_of(run: str, marked: Sequence[Marked], settings: Settings) -> list[Curve]:
    """A curve for each family and, if there are several, their mean."""
    groups: list[tuple[str, Sequence[Marked]]] = [(one.family, [one]) for one in marked]
    if len(marked) > 1:
        groups.append((MEAN, marked))
    return [_curve(run, name, group, settings) for name, group in groups]


def _mark(family: QuestionSet, rollouts: list[list[Rollout]], same: Same) -> Marked:
    flat = [
        (index, reply.text) for index, group in enumerate(rollouts) for rollout in group for reply in rollout.replies
    ]
    marks = iter(family.judge([index for index, _ in flat], [text for _, text in flat]))
    rewards = [[[next(marks) for _ in rollout.replies] for rollout in group] for group in rollouts]
    return Marked(family.family, rollouts, rewards, same)


def _curve(run: str, family: str, marked: Sequence[Marked], settings: Settings) -> Curve:
    """Pool the families in `marked`: problems stay clusters of samples, families strata."""
    budgets = settings.budgets
    rollouts = [rollout for one in marked for group in one.rollouts for rollout in group]
    points = tuple(_point(marked, rollouts, at, budget, settings) for at, budget in enumerate(budgets))
    leaks = [rollout.leaked for rollout in rollouts if rollout.leaked is not None]
    areas = [[fmean(area_under(budgets, sample) for sample in samples) for samples in one.rewards] for one in marked]
    return Curve(
        run=run,
        family=family,
        n_problems=sum(len(one.rewards) for one in marked),
        samples=settings.samples,
        points=points,
        area=area(areas),
        lengths=tuple((rollout.length, rollout.ended) for rollout in rollouts),
        index=anytime_index(budgets, [point.accuracy.mean for point in points]),
        settled=fmean(course.settled for one in marked for group in one.courses(budgets) for course in group),
        calibration_error=calibration_error(
            [reply.confidence for rollout in rollouts for reply in rollout.replies],
            [reward for one in marked for group in one.rewards for sample in group for reward in sample],
        ),
        leaked=fmean(leaks) if leaks else None,
    )


def _point(marked: Sequence[Marked], rollouts: Sequence[Rollout], at: int, budget: int, settings: Settings) -> Point:
    values = [[fmean(sample[at] for sample in samples) for samples in one.rewards] for one in marked]
    tokens = [rollout.replies[at].tokens for rollout in rollouts]
    return Point(
        budget=budget,
        accuracy=accuracy(values, settings.samples),
        answer_tokens=fmean(tokens),
        capped=fmean(count >= settings.max_answer_tokens for count in tokens),
    )
