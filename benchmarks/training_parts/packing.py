"""Packed trees against one sequence an answer: tokens, and the time of a forward and backward pass over them."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.measure import Series, rotated
from harness.report import Row
from training_parts.rollouts import Proportions, packed_rollouts

TOKENS_PER_FORWARD = 8192


def measure(model: Path, proportions: Proportions, rollouts: int, rounds: int) -> list[Row]:
    """Rows of the report: how many times fewer tokens, and how many times faster."""
    roller, packed, separate = packed_rollouts(model, proportions, rollouts)
    tokens = sum(map(len, separate)) / sum(len(row.tree.ids) for row in packed)
    sides: dict[str, Callable[[], None]] = {
        "packed": lambda: _packed_pass(roller, packed),
        "separate": lambda: _separate_pass(roller, separate),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in rotated(list(sides), turn):
            gc.collect()
            start = time.perf_counter()
            sides[name]()
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    faster = Series.of(seconds["separate"]).over(Series.of(seconds["packed"]))
    section = f"packing, {proportions.name}"
    return [
        Row(section, "tokens, separate / packed", Series((tokens,)), "x", bar=2.5),
        Row(section, "forward + backward, separate / packed", faster, "x"),
    ]


def _packed_pass(roller: Any, packed: list[Any]) -> None:
    import torch

    from anytime_training.trees.batch import TreeBatch
    from anytime_training.trees.packing import batch

    tensors = batch(packed, roller.pad_id)
    ids = torch.cat([tensors["prompt_ids"], tensors["completion_ids"]], dim=1)
    mask = torch.cat([tensors["prompt_mask"], tensors["completion_mask"]], dim=1)
    tree = {name: tensors[name] for name in ("tree_position", "tree_reach", "tree_start", "tool_mask")}
    rows = TreeBatch(ids, mask, tree, tensors["completion_ids"].shape[1])
    for group in rows.groups(TOKENS_PER_FORWARD, skip_untrained=False):
        inputs, _ = rows.inputs(group, flex=False)
        roller.model(**inputs).loss.backward()
    roller.model.zero_grad()


def _separate_pass(roller: Any, separate: list[list[int]]) -> None:
    import torch

    ordered = sorted(separate, key=len)
    first = 0
    while first < len(ordered):
        last = first + 1
        while last < len(ordered) and (last + 1 - first) * len(ordered[last]) <= TOKENS_PER_FORWARD:
            last += 1
        chosen, length = ordered[first:last], len(ordered[last - 1])
        ids = torch.tensor([row + [roller.pad_id] * (length - len(row)) for row in chosen])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in chosen])
        roller.model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss.backward()
        first = last
    roller.model.zero_grad()
