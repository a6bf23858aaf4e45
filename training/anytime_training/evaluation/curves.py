"""From rollouts to curves: accuracy at each budget, the area under it, and how long the thinking was."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from anytime_training.evaluation.questions import QuestionSet
from anytime_training.evaluation.source import Rollout, Settings, Source
from anytime_training.evaluation.statistics import Estimate, accuracy, area, area_under

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
    """One run on one family. `lengths` holds (thinking tokens, ended by itself) of every rollout."""

    run: str
    family: str
    n_problems: int
    samples: int
    points: tuple[Point, ...]
    area: Estimate
    lengths: tuple[tuple[int, bool], ...]

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
    """The rollouts of a family, and `rewards[problem][sample][budget]` of their answers."""

    family: str
    rollouts: list[list[Rollout]]
    rewards: list[list[list[float]]]


def measure(run: str, source: Source, families: Sequence[QuestionSet], settings: Settings) -> list[Curve]:
    """Roll out all families at once; a curve for each and, if there are several, their mean.

    Raises:
        EvaluationError: if the source fails.
    """
    prompts = [prompt for family in families for prompt in family.prompts]
    rollouts = iter(source.rollouts(prompts, settings))
    marked = [_mark(family, [next(rollouts) for _ in family.prompts]) for family in families]
    groups = [(one.family, [one]) for one in marked]
    if len(marked) > 1:
        groups.append((MEAN, marked))
    return [_curve(run, name, group, settings) for name, group in groups]


def _mark(family: QuestionSet, rollouts: list[list[Rollout]]) -> Marked:
    flat = [
        (index, reply.text) for index, group in enumerate(rollouts) for rollout in group for reply in rollout.replies
    ]
    marks = iter(family.judge([index for index, _ in flat], [text for _, text in flat]))
    rewards = [[[next(marks) for _ in rollout.replies] for rollout in group] for group in rollouts]
    return Marked(family.family, rollouts, rewards)


def _curve(run: str, family: str, marked: Sequence[Marked], settings: Settings) -> Curve:
    """Pool the families in `marked`: problems stay clusters of samples, families strata."""
    budgets = settings.budgets
    rollouts = [rollout for one in marked for group in one.rollouts for rollout in group]
    points = tuple(_point(marked, rollouts, at, budget, settings) for at, budget in enumerate(budgets))
    areas = [[fmean(area_under(budgets, sample) for sample in samples) for samples in one.rewards] for one in marked]
    return Curve(
        run=run,
        family=family,
        n_problems=sum(len(one.rewards) for one in marked),
        samples=settings.samples,
        points=points,
        area=area(areas),
        lengths=tuple((rollout.length, rollout.ended) for rollout in rollouts),
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
