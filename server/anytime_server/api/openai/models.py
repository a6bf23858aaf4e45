"""The served model as OpenAI's API lists models."""

from dataclasses import asdict
from typing import Any

from anytime_client.protocol import ModelCard
from anytime_server.api.openai.effort import EffortMap
from anytime_server.reasoning import Reasoner


def model_card(reasoner: Reasoner, effort: EffortMap, created: int) -> ModelCard:
    """Return the one model's card: `max_model_len` as vLLM's has it, and what is ours under `anytime`."""
    engine, markers = reasoner.engine, reasoner.format.markers
    more: dict[str, Any] = {
        "max_model_len": engine.limits.max_model_len,
        "anytime": {
            "engine": engine.name,
            "thinking_format": {"open": markers.open, "close": markers.close},
            "default_budget": reasoner.settings.default_budget,
            "max_budget": reasoner.settings.max_budget,
            "reasoning_effort": asdict(effort),
        },
    }
    return ModelCard(id=engine.model, created=created, owned_by="anytime", **more)
