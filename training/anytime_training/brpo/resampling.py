"""Dynamic sampling: groups whose rewards are all equal teach nothing, and give way to fresh prompts.

Source: DAPO, arXiv 2503.14476, section 3.2. There whole batches are sampled until enough groups differ; here only as
many groups as are missing, and the others keep their places.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import gcd
from random import Random
from typing import TYPE_CHECKING, Any

from anytime_training.algorithm.credit import Rewarded
from anytime_training.brpo.judge import Inputs, Judged
from anytime_training.rollouts.collector import Rollouts

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Processes:
    """The processes of a run, of which this one is `index` of `count`.

    `gather` concatenates the lists of all processes, in their order.
    """

    index: int
    count: int
    gather: Callable[[list[Any]], list[Any]]


@dataclass(frozen=True)
class Resampler:
    """Replaces equal groups of a batch by groups of fresh prompts, in at most `times` rounds.

    Fresh prompts are drawn by `seed` and the batch's own key, so that a resumed run draws the same. `group` is the
    number of rollouts of a prompt, and `problems` the data set, which can be indexed.
    """

    problems: Sequence[dict[str, Any]]
    group: int
    times: int
    seed: int
    processes: Processes

    def __call__(self, judged: Judged, judge: Callable[[Inputs], Judged], key: str) -> tuple[Judged, int]:
        """A batch and how many of its groups were replaced; `judge` rolls out rows of the data set and scores them.

        All processes must call it together. The rows of a batch lie evenly over the processes.
        """
        replaced = 0
        fresh_rows = self._fresh_rows(judged, key)
        for _ in range(self.times):
            equal = judged.rewarded.equal_B.nonzero().flatten().tolist()
            rows = list(islice(fresh_rows, self._fitting(len(equal))))
            if not equal or len(rows) < self._fitting(len(equal)):
                break
            fresh = judge(self._share([row for row in rows for _ in range(self.group)]))
            better = (~fresh.rewarded.equal_B).nonzero().flatten().tolist()
            pairs = dict(zip(equal, better, strict=False))
            judged = self._replace(judged, fresh, pairs)
            replaced += len(pairs)
        return judged, replaced

    def _fresh_rows(self, judged: Judged, key: str) -> Iterator[dict[str, Any]]:
        """Rows of the data set in an order of this batch, without the prompts that it has."""
        known = {repr(prompt) for prompt in self.processes.gather([example["prompt"] for example in judged.inputs])}
        order = Random(f"{self.seed}/{key}").sample(range(len(self.problems)), len(self.problems))
        rows = (self.problems[index] for index in order)
        return (row for row in rows if repr(row["prompt"]) not in known)

    def _fitting(self, groups: int) -> int:
        """The least number of groups, `groups` or more, whose rollouts lie evenly over the processes."""
        step = self.processes.count // gcd(self.processes.count, self.group)
        return -(-groups // step) * step

    def _share(self, rows: Inputs) -> Inputs:
        size = len(rows) // self.processes.count
        return rows[self.processes.index * size :][:size]

    def _replace(self, judged: Judged, fresh: Judged, pairs: dict[int, int]) -> Judged:
        """The batch with fresh groups in the place of equal ones, wherever the rollouts of both lie."""
        size, first = len(judged.inputs), self.processes.index * len(judged.inputs)
        wanted = self._gathered(fresh, pairs.values())
        inputs, rollouts = list(judged.inputs), list(judged.rollouts.rows)
        for old, new in pairs.items():
            for place in range(self.group):
                row = old * self.group + place - first
                if 0 <= row < size:
                    inputs[row], rollouts[row] = wanted[new * self.group + place]
        return Judged(
            inputs,
            Rollouts(
                rollouts,
                judged.rollouts.thinking_s + fresh.rollouts.thinking_s,
                judged.rollouts.answers_s + fresh.rollouts.answers_s,
            ),
            _replaced(judged.rewarded, fresh.rewarded, pairs),
            judged.rewards_s + fresh.rewards_s,
        )

    def _gathered(self, fresh: Judged, groups: Any) -> dict[int, tuple[dict[str, Any], Any]]:
        """The rows of some groups of all processes, by their place among all."""
        first, groups = self.processes.index * len(fresh.inputs), set(groups)
        rows = enumerate(zip(fresh.inputs, fresh.rollouts.rows, strict=True), start=first)
        return dict(self.processes.gather([(place, row) for place, row in rows if place // self.group in groups]))


def _replaced(rewarded: Rewarded, fresh: Rewarded, pairs: dict[int, int]) -> Rewarded:
    old, new = list(pairs), list(pairs.values())

    def merged(values: "torch.Tensor", others: "torch.Tensor") -> "torch.Tensor":
        values = values.clone()
        values[old] = others[new]
        return values

    return replace(
        rewarded,
        rewards_BGSA=merged(rewarded.rewards_BGSA, fresh.rewards_BGSA),
        truncation_BGS=merged(rewarded.truncation_BGS, fresh.truncation_BGS),
    )
