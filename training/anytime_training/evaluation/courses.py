"""A rollout as the stopping rules see it: the interim answers on the way, and what comes of stopping at each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anytime_server.controller import InterimVerdict, StopReason
from anytime_server.values import Same, same_value, short_value
from anytime_training.evaluation.source import Rollout

RIGHT = 0.5
"""An answer with at least this reward is right."""

Rule = Callable[[Sequence[InterimVerdict]], StopReason | None]
"""A stopping rule, as the server asks it: of the interim answers so far."""


@dataclass(frozen=True, slots=True)
class Course:
    """One rollout: its interim answers at the checkpoints that the thinking reached, and its final answer.

    Attributes:
        family: of the problem.
        problem: its index in the family; rollouts of one problem are alike.
        length: thinking tokens to the natural end, or to the budget.
        verdicts: what the rules look at, in checkpoint order.
        right: whether the interim answer at each is right.
        right_at_the_end: whether the final answer is.
        settled: the first checkpoint from which on all answers are the same as the final one; `length` if none is.
    """

    family: str
    problem: int
    length: int
    verdicts: tuple[InterimVerdict, ...]
    right: tuple[bool, ...]
    right_at_the_end: bool
    settled: int

    def stopped_by(self, rule: Rule) -> tuple[int, bool]:
        """Return the thinking tokens spent under a rule, and whether the answer is right then."""
        for count, right in enumerate(self.right, 1):
            if rule(self.verdicts[:count]) is not None:
                return self.verdicts[count - 1].at, right
        return self.length, self.right_at_the_end


def course_of(
    family: str,
    problem: int,
    rollout: Rollout,
    rewards: Sequence[float],
    budgets: Sequence[int],
    same: Same = same_value,
) -> Course:
    """Return the course of a rollout, whose answers at `budgets` have these rewards, and are compared by `same`."""
    values = [short_value(reply.text) for reply in rollout.replies]
    reached = [index for index, at in enumerate(budgets[:-1]) if at <= rollout.length]
    right = [reward >= RIGHT for reward in rewards]
    return Course(
        family=family,
        problem=problem,
        length=rollout.length,
        verdicts=_verdicts(rollout, values, [(index, budgets[index]) for index in reached], same),
        right=tuple(right[index] for index in reached),
        right_at_the_end=right[-1],
        settled=_settled(values, [budgets[index] for index in reached], rollout.length, same),
    )


def _verdicts(
    rollout: Rollout, values: Sequence[str | None], reached: Sequence[tuple[int, int]], same: Same
) -> tuple[InterimVerdict, ...]:
    verdicts: list[InterimVerdict] = []
    for index, at in reached:
        stands = bool(verdicts) and same(values[index - 1], values[index])
        stable_for = verdicts[-1].stable_for + 1 if stands else 1
        reply = rollout.replies[index]
        verdicts.append(
            InterimVerdict(reply.confidence, reply.stable_for or stable_for, at, reply.consensus, reply.done)
        )
    return tuple(verdicts)


def _settled(values: Sequence[str | None], reached: Sequence[int], length: int, same: Same) -> int:
    settled = length
    for value, at in zip(reversed(values[: len(reached)]), reversed(reached), strict=True):
        if not same(value, values[-1]):
            break
        settled = at
    return settled
