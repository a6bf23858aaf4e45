"""The prompt of an interim answer. The server forks answers with it and training rolls them out with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.budget import BudgetPolicy, BudgetState, Phase
from anytime_server.controller.constraints import Force
from anytime_server.controller.format import ThinkingFormat


def branch(
    prompt_ids: Sequence[int], trunk_ids: Sequence[int], at: int, format: ThinkingFormat, min_budget: int = 0
) -> list[int]:
    """Return prompt + the first `at` thinking tokens + what ends them + the cue.

    `trunk_ids` is the thinking as generated, with its close marker at the end if it ended by itself. Thinking that
    ended by itself before `at` keeps its own close marker; a cut inside a close marker that the model has begun (and
    may complete: not before `min_budget`) completes that marker; any other cut is closed by the format's closing. So
    the prompt is the one that a generation with a budget of `at` and a short answer would have come to.

    Raises:
        ValueError: if `at` is negative, or beyond a trunk that has not ended.
    """
    if at < 0:
        raise ValueError(f"a branch needs at >= 0, not {at}")
    natural = _natural_end(trunk_ids, format)
    if natural is not None and at >= natural.found:
        return [*prompt_ids, *trunk_ids, *format.cue_ids]
    if at > len(trunk_ids):
        raise ValueError(f"the trunk has {len(trunk_ids)} tokens and has not ended: it can't be branched at {at}")
    return [*prompt_ids, *close(trunk_ids[:at], format, min_budget), *format.cue_ids]


def split_trunk(trunk_ids: Sequence[int], format: ThinkingFormat) -> tuple[Sequence[int], bool]:
    """Split off the close marker: the thinking tokens, and whether the thinking ended by itself.

    Where the marker begins inside a token, that token is thinking, as in a run; see `BudgetState`.
    """
    natural = _natural_end(trunk_ids, format)
    return (trunk_ids, False) if natural is None else (trunk_ids[: natural.thinking], True)


@dataclass(frozen=True, slots=True)
class _NaturalEnd:
    """Where a trunk ended by itself: how many tokens are thinking, and after how many the marker is found."""

    thinking: int
    found: int


def _natural_end(trunk_ids: Sequence[int], format: ThinkingFormat) -> _NaturalEnd | None:
    # A header may be as long as it likes; any other marker is within reach of the trunk's end.
    begin = 0 if format.tail_search else max(0, len(trunk_ids) - format.close_search.reach)
    state = BudgetState(BudgetPolicy(len(trunk_ids) + 1), format, trunk_ids[:begin])
    found = len(trunk_ids)
    for index, token in enumerate(trunk_ids[begin:], start=begin + 1):
        if token in format.eos_ids:
            return None
        state.observe(token)
        if state.ending is not None:
            found = min(found, index)
    return _NaturalEnd(state.spent, found) if state.phase is Phase.ANSWER else None


def close(thinking_ids: Sequence[int], format: ThinkingFormat, min_budget: int = 0) -> list[int]:
    """Return the thinking with its close marker: completed if the model has begun one, else the format's closing."""
    budget = len(thinking_ids)
    state = BudgetState(BudgetPolicy(budget, min(min_budget, budget)), format, thinking_ids)
    made = list(thinking_ids)
    while isinstance(constraint := state.constraint(), Force):
        made.append(constraint.token)
        state.observe(constraint.token)
    return made
