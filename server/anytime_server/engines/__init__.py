"""Inference engines behind one contract. Import the contract from here; an engine only when it is chosen."""

from anytime_server.engines.contract import (
    Chunk,
    Engine,
    EngineLimits,
    EngineLoad,
    EngineRequest,
    Recovery,
    Sampling,
    Thinking,
)
from anytime_server.engines.supervised import Supervised

__all__ = [
    "Chunk",
    "Engine",
    "EngineLimits",
    "EngineLoad",
    "EngineRequest",
    "Recovery",
    "Sampling",
    "Supervised",
    "Thinking",
]
