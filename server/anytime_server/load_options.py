"""What `anytime serve` is told of load and fairness. Nothing heavy is imported until it is read."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime_server.controller.load import AccuracyCurve, LoadPolicy
    from anytime_server.engines import Engine

MEAN = "mean"
"""The family of a curve over several; one over a single family goes by its name."""

SLOTS = 16
"""Requests that think at once on an engine without a queue of its own, where nobody says otherwise."""


def load_policy(load_aware: bool, floor: float | None, target_rate: float | None) -> "LoadPolicy | None":
    """Return how budgets follow the load; None if they don't. A `floor` of None is the usual one."""
    from anytime_server.controller.load import LoadPolicy

    if not load_aware:
        return None
    policy = LoadPolicy(target_rate=target_rate)
    return policy if floor is None else replace(policy, floor=floor)


def accuracy_curve(path: str | None) -> "AccuracyCurve | None":
    """Read what thinking buys from the `summary.json` that `anytime eval` writes.

    Raises:
        ValueError: if there is no such file, or nothing in it says what a budget is worth.
    """
    from anytime_server.controller.load import AccuracyCurve

    if path is None:
        return None
    try:
        return AccuracyCurve(_points(json.loads(Path(path).expanduser().read_text())))
    except OSError as error:
        raise ValueError(f"--curve {path} can't be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--curve {path} is not a summary.json of anytime eval: {error}") from error


def _points(summary: Mapping[str, Any]) -> dict[int, float]:
    """The accuracy at each budget, of the mean over families, or of the only one."""
    trunks = summary.get("settings", {}).get("trunks", 1)
    if trunks != 1:
        raise ValueError(f"it tells how {trunks} trunks vote; evaluate without --trunks")
    curves = summary["curves"]
    runs = sorted({curve["run"] for curve in curves})
    if len(runs) != 1:
        raise ValueError(f"it has {len(runs)} runs ({', '.join(runs)}); evaluate the served model alone")
    chosen = [curve for curve in curves if curve["family"] == MEAN] or curves
    if len(chosen) != 1:
        raise ValueError(f"it has no curve named {MEAN!r}")
    return {int(budget): float(accuracy[0]) for budget, accuracy in chosen[0]["accuracy"].items()}


def client_weights(fair_share: bool, key_weights: str | None) -> dict[str, float] | None:
    """Return the weights of the clients that share the server fairly; None if they don't.

    Raises:
        ValueError: naming the option.
    """
    from anytime_server.api.keys import keys_from, weights_of

    if not fair_share:
        return None
    try:
        weights = [float(weight) for weight in (key_weights or "").split(",") if weight.strip()]
    except ValueError:
        raise ValueError(f"--key-weights takes numbers above 0, such as 3,1,1, not {key_weights!r}") from None
    return weights_of(keys_from(os.environ), weights)


def fair_arguments(engine: str, engine_arg: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's own options where clients share it fairly: vLLM orders its queue by priorities.

    Raises:
        ValueError: if it is told to do otherwise.
    """
    if engine != "vllm":
        return dict(engine_arg)
    if engine_arg.get("scheduling_policy", "priority") != "priority":
        raise ValueError("--fair-share needs vLLM's scheduling_policy=priority: leave the --engine-arg out")
    return {**engine_arg, "scheduling_policy": "priority"}


def gated(engine: "Engine", slots: int | None, weights: Mapping[str, float] | None) -> "Engine":
    """Return the engine behind a gate with so many slots; None takes what suits the engine."""
    from anytime_server.engines.gate import Gate
    from anytime_server.engines.gated import Gated

    if slots is None and not engine.queues:
        slots = SLOTS
    return Gated(engine, Gate(slots, weights or {}))
