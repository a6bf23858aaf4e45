"""Training rows: a rollout packed as a tree, with an advantage for every sampled token."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from anytime_training.trees.forks import Fork, Stem
from anytime_training.trees.row import TreeRow

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Packed:
    """A tree with an advantage and, if the sampler tells, a log-probability for each token; else there are none.

    The tree's weights count how often a token was sampled: 0 for the prompt and forced tokens, which are never trained
    on; more than 1 where identical answers are merged.
    """

    prompt_length: int
    tree: TreeRow
    advantages: list[float] = field(default_factory=list)
    sampling_logps: list[float] = field(default_factory=list)
    separate_tokens: int = 0
    """Tokens the rollout would have as one sequence an answer."""
    whole_tokens: int = 0
    """Tokens of its tree with nothing left out."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A rollout with its advantages: of each thinking segment (S), and of each answer (S * A, budget by budget).

    `trunk_logps` and `answer_logps` are the sampler's log-probabilities, empty where it doesn't tell.
    """

    stem: Stem
    budgets: Sequence[int]
    answers: Sequence[Sequence[int]]
    thinking_advantages: Sequence[float]
    answer_advantages: Sequence[float]
    trunk_logps: Sequence[float] = ()
    answer_logps: Sequence[Sequence[float]] = ()

    @property
    def samples(self) -> int:
        """Answers at each budget."""
        return len(self.answers) // len(self.budgets)

    @property
    def trunk_advantages(self) -> list[float]:
        """The advantage of each trunk token: that of its segment."""
        bounds = list(pairwise([0, *self.budgets]))
        spread = [
            adv
            for adv, (low, high) in zip(self.thinking_advantages, bounds, strict=True)
            for _ in range(min(high, len(self.stem.trunk_ids)) - low)
        ]
        return spread + spread[-1:] * (len(self.stem.trunk_ids) - len(spread))


@dataclass(slots=True)
class _Branch:
    fork_index: int
    ids: tuple[int, ...]
    advantage: float
    logps: Sequence[float]
    count: int = 1


def pack(rollout: Scored, compact: bool) -> Packed:
    """Pack a rollout. Identical answers to the same thinking are merged and counted.

    `compact` leaves out what has no gradient: answers whose advantage is zero, and the end of the thinking that neither
    an advantage nor a remaining answer needs. Use it where the loss of the other tokens does not depend on them.
    """
    stem = rollout.stem
    merged = _merge(rollout)
    branches = [branch for branch in merged if not compact or branch.advantage]
    advantages = rollout.trunk_advantages
    kept = _kept_trunk(stem, advantages, branches) if compact else len(advantages)
    packed = Packed(
        len(stem.prompt_ids),
        TreeRow(),
        separate_tokens=_separate_tokens(rollout),
        whole_tokens=len(stem.ids) + sum(len(_fork(stem, branch).forced) + len(branch.ids) for branch in merged),
    )
    packed.tree.extend(stem.prompt_ids, [0.0] * len(stem.prompt_ids))
    packed.tree.extend(stem.trunk_ids[:kept], [float(bool(a) or not compact) for a in advantages[:kept]])
    packed.advantages += [0.0] * len(stem.prompt_ids) + advantages[:kept]
    logps = [0.0] * len(stem.prompt_ids) + list(rollout.trunk_logps[:kept])
    for branch in branches:
        fork = _fork(stem, branch)
        forced = [0.0] * len(fork.forced)
        packed.tree.fork(fork.reach, [*fork.forced, *branch.ids], forced + [float(branch.count)] * len(branch.ids))
        packed.advantages += forced + [branch.advantage] * len(branch.ids)
        logps += forced + list(branch.logps)
    if rollout.answer_logps:
        packed.sampling_logps = logps
    return packed


def _fork(stem: Stem, branch: _Branch) -> Fork:
    fork = stem.forks[branch.fork_index]
    assert fork is not None, "only what can be answered has branches"
    return fork


def _merge(rollout: Scored) -> list[_Branch]:
    """One branch for each different (cut, answer, advantage)."""
    branches: dict[tuple[int, tuple[int, ...], float], _Branch] = {}
    for index, ids in enumerate(rollout.answers):
        if not ids:
            continue
        fork_index = rollout.stem.truncation[index // rollout.samples]
        key = fork_index, tuple(ids), rollout.answer_advantages[index]
        if key in branches:
            branches[key].count += 1
        else:
            logps = rollout.answer_logps[index] if rollout.answer_logps else ()
            branches[key] = _Branch(*key, logps)
    return list(branches.values())


def _kept_trunk(stem: Stem, advantages: Sequence[float], branches: Sequence[_Branch]) -> int:
    last = max((index + 1 for index, advantage in enumerate(advantages) if advantage), default=0)
    reaches = [_fork(stem, branch).reach for branch in branches]
    return max([last, *(reach - len(stem.prompt_ids) for reach in reaches)])


def _separate_tokens(rollout: Scored) -> int:
    total = 0
    for index, ids in enumerate(rollout.answers):
        fork = rollout.stem.forks[rollout.stem.truncation[index // rollout.samples]]
        total += fork.reach + len(fork.forced) + len(ids) if fork else 0
    return total


def batch(rows: Sequence[Packed], pad_id: int) -> dict[str, "torch.Tensor"]:
    """Tensors as TRL's trainer buffers them: prompts (B, P) padded left, the rest of the trees (B, C) padded right.

    `tool_mask` holds the weights. `tree_reach` and `tree_start` count from a row's own first token, `tree_position` are
    the position ids; `sampling_per_token_logps` is there if the rows have them.
    """
    import torch

    P = max(row.prompt_length for row in rows)
    C = max(1, max(len(row.tree.ids) - row.prompt_length for row in rows))

    def left(values: Sequence[int], length: int, fill: int) -> list[int]:
        return [fill] * (P - length) + list(values[:length])

    def right(values: Sequence[float], length: int, fill: float) -> list[float]:
        return [*values[length:], *[fill] * (C - (len(values) - length))]

    def stack(name: str, fill: float, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor([right(getattr(row.tree, name), row.prompt_length, fill) for row in rows], dtype=dtype)

    ids, weights = stack("ids", pad_id, torch.long), stack("weights", 0.0, torch.float32)
    tensors = {
        "prompt_ids": torch.tensor([left(row.tree.ids, row.prompt_length, pad_id) for row in rows]),
        "prompt_mask": torch.tensor([left([1] * row.prompt_length, row.prompt_length, 0) for row in rows]),
        "completion_ids": ids,
        "completion_mask": torch.tensor(
            [right([1] * len(row.tree.ids), row.prompt_length, 0) for row in rows], dtype=torch.long
        ),
        "tool_mask": weights,
        "advantages": torch.tensor([right(row.advantages, row.prompt_length, 0.0) for row in rows]),
        "tree_position": stack("positions", 0, torch.long),
        "tree_reach": stack("reach", 0, torch.long),
        "tree_start": stack("start", 0, torch.long),
    }
    if all(row.sampling_logps for row in rows):  # the same in every process, whatever is left of its rows
        logps = [right(row.sampling_logps, row.prompt_length, 0.0) for row in rows]
        tensors["sampling_per_token_logps"] = torch.tensor(logps)
    return tensors
