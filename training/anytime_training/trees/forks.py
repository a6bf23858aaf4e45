"""Where the answers of a rollout branch off its thinking: one fork for each different cut."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller import ThinkingFormat, branch, split_trunk


@dataclass(frozen=True, slots=True)
class Fork:
    """A cut: answers see the first `reach` tokens of prompt and trunk, then `forced`, which are never targets."""

    reach: int
    forced: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stem:
    """A prompt with its thinking, and the cuts at every budget.

    `truncation[s]` is the index of the first budget that cuts at the same place as budget s; `forks` maps these first
    indices to their cuts, and None where nothing can be answered, because the model ended its turn while it thought.
    `ended` says whether the thinking ended with its close marker; `length` counts the thinking without it.
    """

    prompt_ids: tuple[int, ...]
    trunk_ids: tuple[int, ...]
    truncation: tuple[int, ...]
    forks: dict[int, Fork | None]
    length: int
    ended: bool

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and trunk."""
        return self.prompt_ids + self.trunk_ids

    def prompt_of(self, index: int) -> list[int]:
        """The prompt of the answers at budget `index`; empty where nothing can be answered."""
        fork = self.forks[self.truncation[index]]
        return [*self.ids[: fork.reach], *fork.forced] if fork else []


def plan(prompt_ids: Sequence[int], trunk_ids: Sequence[int], budgets: Sequence[int], format: ThinkingFormat) -> Stem:
    """Cut a trunk at `budgets` with the controller's `branch`: as the server forks its interim answers.

    No budget is below the one before it; equal ones share a fork.
    A trunk shorter than a budget has ended: by its close marker, or broken off by an end-of-turn token.
    """
    thinking, ended = split_trunk(trunk_ids, format)
    broken = bool(trunk_ids) and trunk_ids[-1] in format.eos_ids
    forks: dict[int, Fork | None] = {}
    truncation: list[int] = []
    for index, budget in enumerate(budgets):
        before = budgets[index - 1] if index else -1
        shares = before == budget or before > len(thinking) - broken
        truncation.append(truncation[-1] if shares else index)
        if not shares:
            cut_off = broken and budget >= len(trunk_ids)
            forks[index] = None if cut_off else _fork(prompt_ids, trunk_ids, budget, format)
    return Stem(tuple(prompt_ids), tuple(trunk_ids), tuple(truncation), forks, len(thinking) - broken, ended)


def plan_closed(
    prompt_ids: Sequence[int], trunk_ids: Sequence[int], budgets: Sequence[int], format: ThinkingFormat
) -> Stem:
    """As `plan`, but thinking that an end-of-turn token broke off is closed there, and answered at every budget."""
    _, ended = split_trunk(trunk_ids, format)
    if ended:
        return plan(prompt_ids, trunk_ids, budgets, format)
    thought = [token for token in trunk_ids if token not in format.eos_ids]
    return plan(prompt_ids, thought, [min(budget, len(thought)) for budget in budgets], format)


def _fork(prompt_ids: Sequence[int], trunk_ids: Sequence[int], at: int, format: ThinkingFormat) -> Fork:
    full = branch(prompt_ids, trunk_ids, at, format)
    reach = len(prompt_ids) + min(at, len(trunk_ids))
    if len(full) == reach:  # no cue and no closing: the last shared token starts the branch
        reach -= 1
    return Fork(reach, tuple(full[reach:]))
