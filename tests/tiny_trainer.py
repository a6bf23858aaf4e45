"""BRPO trainers of the embedded model on a few problems, small enough for a step in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoTokenizer

import anytime_server
from anytime_training.brpo.config import BRPOConfig
from anytime_training.brpo.trainer import BRPOTrainer

TINY = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"
PROMPTS = ["largest of 37+48, 9*8", "smallest of 12+7, 5*4, 91-16", "largest of 3, 4+5", "smallest of 2*2, 6*7, 11"]
Reward = Callable[..., list[float]]


def digits(completions: list[str], **columns: Any) -> list[float]:
    """A reward that differs between answers: the share of small digits."""
    return [sum(character in "01234" for character in text) / 4 for text in completions]


def brpo_config(folder: Path, **settings: Any) -> BRPOConfig:
    defaults: dict[str, Any] = {
        "output_dir": str(folder),
        "budgets": [4, 8, 12],
        "interim_samples": 2,
        "interim_max_tokens": 5,
        "num_generations": 4,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "max_steps": 1,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
    }
    return BRPOConfig(**{**defaults, **settings})


def brpo_trainer(
    folder: Path, reward: Reward | list[Reward] = digits, model: Any = None, prompts: Any = None, **settings: Any
) -> BRPOTrainer:
    names = ("peft_config", "eval_dataset", "processing_class")
    kwargs = {name: settings.pop(name) for name in names if name in settings}
    prompts = PROMPTS if prompts is None else prompts
    rows = [{"prompt": prompt, "name": f"row {index}"} for index, prompt in enumerate(prompts)]
    return BRPOTrainer(
        str(TINY) if model is None else model,
        reward,
        brpo_config(folder, **settings),
        train_dataset=Dataset.from_list(rows),
        processing_class=kwargs.pop("processing_class", None) or AutoTokenizer.from_pretrained(TINY),
        **kwargs,
    )


def rows_of(trainer: BRPOTrainer) -> list[dict[str, Any]]:
    """Two groups of rollouts, as the trainer's data loader gives them."""
    group = trainer.num_generations
    return [trainer.train_dataset[index] for index in range(2) for _ in range(group)]
