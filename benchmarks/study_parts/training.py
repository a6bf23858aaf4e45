"""One run of the study: train an arm with a seed, then measure what it became."""

import json
import time
from pathlib import Path
from typing import Any

from study_parts.arms import ARMS, COUNT, FAMILIES, WARM_UP
from study_parts.thinking import PROBLEMS, SEARCHED, TEMPERATURES, measure

PROMPTS, GROUP = 16, 8


def run(warm_up: Path, arm: str, seed: int, learning_rate: float, steps: int, out: Path, search: bool) -> None:
    """Train into `out`/model and write `out`/run.json, last, with the log of every step and the measurements.

    A `search` run measures less.
    """
    import torch

    torch.set_num_threads(1)
    started = time.perf_counter()
    log = _train(warm_up, arm, seed, learning_rate, steps, out) if arm != WARM_UP else []
    trained = time.perf_counter()
    result = {
        "arm": arm,
        "seed": seed,
        "learning_rate": learning_rate,
        "steps": steps,
        "train_seconds": round(trained - started),
        "log": log,
        "measured": measure(
            out / "model" if arm != WARM_UP else warm_up,
            SEARCHED if search else PROBLEMS,
            TEMPERATURES[:1] if search else TEMPERATURES,
        ),
        "measure_seconds": round(time.perf_counter() - trained),
    }
    (out / "run.json").write_text(json.dumps(result))


def _train(warm_up: Path, arm: str, seed: int, learning_rate: float, steps: int, out: Path) -> list[dict[str, Any]]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from anytime_training.brpo.config import BRPOConfig
    from anytime_training.brpo.trainer import BRPOTrainer
    from anytime_training.problems import synthetic
    from anytime_training.rewards.answer import AnswerReward
    from anytime_training.runs.saving import save_in_place

    tokenizer = AutoTokenizer.from_pretrained(warm_up)
    arguments = BRPOConfig(
        **ARMS[arm].settings,
        output_dir=str(out),
        interim_max_tokens=8,
        per_device_train_batch_size=PROMPTS * GROUP,
        num_generations=GROUP,
        max_steps=steps,
        learning_rate=learning_rate,
        lr_scheduler_type="constant",
        max_tokens_per_forward=8192,
        seed=seed,
        data_seed=seed,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
    )
    trainer = BRPOTrainer(
        AutoModelForCausalLM.from_pretrained(warm_up),
        AnswerReward.create("exact"),
        arguments,
        train_dataset=synthetic(FAMILIES, COUNT, PROMPTS * steps, seed=1000 + seed),
        processing_class=tokenizer,
    )
    trainer.train()
    save_in_place(trainer.model, tokenizer, out / "model")
    return [entry for entry in trainer.state.log_history if "loss" in entry]
