"""The served model as OpenAI's API lists models: once under each of its names."""

from dataclasses import asdict
from typing import Any

from anytime_client.protocol import ModelCard
from anytime_server.api.openai.effort import EffortMap
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
            "thinking_format": {"open": markers.open, "close": markers.close},
            "default_budget": reasoner.settings.default_budget,
            "max_budget": reasoner.settings.max_budget,
            "reasoning_effort": asdict(effort),
            "defaults": defaults.shown(),
        },
    }
    return ModelCard(id=name, created=created, owned_by="anytime", **more)
