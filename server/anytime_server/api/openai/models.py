"""The served model as OpenAI's API lists models: once under each of its names."""

from dataclasses import asdict
from typing import Any

from anytime_client.protocol import ModelCard
from anytime_server.api.openai.effort import EffortMap
from anytime_server.controller import Calibration
from anytime_server.controller.risk.conditions import FORMAT_FIELDS
from anytime_server.reasoning import Reasoner


def model_cards(reasoner: Reasoner, effort: EffortMap, created: int) -> tuple[ModelCard, ...]:
    """Return the model's card under each of its names, the one that responses show first."""
    names = (reasoner.engine.model, *reasoner.settings.aliases)
    return tuple(_card(name, reasoner, effort, created) for name in names)


def _card(name: str, reasoner: Reasoner, effort: EffortMap, created: int) -> ModelCard:
    """`max_model_len` and `root` are as vLLM's has them; what is ours is under `anytime`."""
    engine, markers, defaults = reasoner.engine, reasoner.format.markers, reasoner.settings.defaults
    more: dict[str, Any] = {
        "root": engine.model,
        "max_model_len": engine.limits.max_model_len,
        "anytime": {
            "engine": engine.name,
            "thinking_format": {name: getattr(markers, name) for name in FORMAT_FIELDS},
            "default_budget": reasoner.settings.default_budget,
            "max_budget": reasoner.settings.max_budget,
            "reasoning_effort": asdict(effort),
            "defaults": defaults.shown(),
            "calibration": _calibration(reasoner.settings.calibration),
        },
    }
    return ModelCard(id=name, created=created, owned_by="anytime", **more)


def _calibration(calibration: Calibration | None) -> dict[str, Any] | None:
    """What a client needs to know to ask for an error rate."""
    if calibration is None:
        return None
    return {
        "data": calibration.data,
        "problems": calibration.problems,
        "lowest_rate": calibration.lowest_rate,
        "budget": calibration.conditions.budget,
        "checkpoints": list(calibration.conditions.checkpoints),
        "trunks": calibration.conditions.trunks,
    }
