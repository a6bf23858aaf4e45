"""One run of the study: train an arm with a seed, then measure what it became."""

import json
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study_parts.arms import ARMS, WARM_UP
from study_parts.exits import decaying_exits
from study_parts.measuring import measure
from study_parts.problems import TASKS, StudyTask

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from anytime_training.brpo.config import BRPOConfig

PROMPTS, GROUP = 16, 8
"""Prompts of a step, and rollouts of a prompt."""
LONGEST = 4
"""A run that is ended by time takes at most so many times the steps of the others."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run.

    Attributes:
        name: of the run's folder.
        cpu_seconds: CPU time that ends the training, in place of `steps`.
        search: whether it is a run of the learning rates' search, which is measured less.
    """

    name: str
    task: str
    arm: str
    seed: int
    learning_rate: float
    steps: int
    search: bool = False
    cpu_seconds: float | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What a result found under this name must agree with."""
        return {
            "task": self.task,
            "arm": self.arm,
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "planned_steps": self.steps,
        }


def digest(warm_up: Path) -> str:
    """A short name of the weights all arms start from."""
    return sha256((warm_up / "model.safetensors").read_bytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Trained:
    """A finished training: its steps as logged, and what they took."""

    log: Sequence[dict[str, Any]] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def run(order: Order, warm_up: Path, out: Path) -> None:
    """Train into `out`/model and write `out`/run.json, last, with the log of every step and the measurements."""
    import torch

    torch.set_num_threads(1)
    task = TASKS[order.task]
    trained = _train(order, task, warm_up, out) if order.arm != WARM_UP else _Trained()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    result = {
        **order.identity,
        "warm_up": digest(warm_up),
        "steps": len(trained.log),
        "train_seconds": round(trained.seconds),
        "train_cpu_seconds": round(trained.cpu_seconds),
        "peak_rss_mb": round(peak_kb / 1024),
        "log": list(trained.log),
        "measured": measure(out / "model" if order.arm != WARM_UP else warm_up, task, order.search),
        "measure_seconds": round(time.perf_counter() - started),
    }
    unfinished = out / "run.json.part"
    unfinished.write_text(json.dumps(result))
    unfinished.replace(out / "run.json")


def _train(order: Order, task: StudyTask, warm_up: Path, out: Path) -> _Trained:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from anytime_training.brpo.trainer import BRPOTrainer
    from anytime_training.problems import synthetic
    from anytime_training.rewards.answer import AnswerReward
    from anytime_training.rewards.verifiers import resolve
    from anytime_training.runs.saving import save_in_place

    tokenizer = AutoTokenizer.from_pretrained(warm_up)
    steps = order.steps if order.cpu_seconds is None else LONGEST * order.steps
    with AnswerReward(resolve(task.verifier), pool=None, name=task.verifier, rule=None) as reward:
        trainer = BRPOTrainer(
            AutoModelForCausalLM.from_pretrained(warm_up),
            reward,
            _arguments(order, task, steps, out),
            credit=decaying_exits if ARMS[order.arm].decaying else None,
            train_dataset=synthetic(task.families, task.count, PROMPTS * steps, seed=1000 + order.seed),
            processing_class=tokenizer,
            callbacks=[] if order.cpu_seconds is None else [_ending_after(order.cpu_seconds)],
        )
        started, cpu_started = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    save_in_place(trainer.model, tokenizer, out / "model")
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    return _Trained(log, seconds, cpu_seconds)


def _arguments(order: Order, task: StudyTask, steps: int, out: Path) -> "BRPOConfig":
    from anytime_training.brpo.config import BRPOConfig

    return BRPOConfig(
        **ARMS[order.arm].settings(task.budgets),
        output_dir=str(out),
        interim_max_tokens=task.answer_tokens,
        per_device_train_batch_size=PROMPTS * GROUP,
        num_generations=GROUP,
        max_steps=steps,
        learning_rate=order.learning_rate,
        # At a constant rate every arm comes to a plateau of its own noise, the lower the larger the rate.
        lr_scheduler_type="linear",
        max_tokens_per_forward=8192,
        seed=order.seed,
        shuffle_dataset=False,  # the same order, however many steps there are
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
    )


def _ending_after(cpu_seconds: float) -> "TrainerCallback":
    """Ends the training at the step by which the process has used so much CPU time for it."""
    from transformers import TrainerCallback

    class EndAfter(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.end = time.process_time() + cpu_seconds

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            control.should_training_stop = time.process_time() >= self.end
            return control

    return EndAfter()
