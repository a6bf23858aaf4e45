"""Training for anytime reasoning: problems, rewards, BRPO, SFT warm-up, evaluation and recipes.

The names here are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig
    from anytime_training.brpo.trainer import BRPOTrainer
    from anytime_training.rewards.answer import AnswerReward

__all__ = ["AnswerReward", "BRPOConfig", "BRPOTrainer"]

_HOMES = {"AnswerReward": "rewards.answer", "BRPOConfig": "brpo.config", "BRPOTrainer": "brpo.trainer"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
