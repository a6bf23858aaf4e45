"""A training step of BRPO against one of GRPO with trunks as long, and what a step spends its time on."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.measure import Series, rotated
from harness.report import Row
from training_parts.rollouts import Proportions, problems

SPLIT = ("seconds/thinking", "seconds/answers", "seconds/rewards")
BRPO, TRL_GRPO, OWN_GRPO = "BRPO", "TRL's GRPO", "GRPO by the BRPO trainer"
BARS = {TRL_GRPO: 1.05, OWN_GRPO: 1.1}
"""The most that a BRPO step may take, in steps of each."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of a step: by the clock, and of this process's CPU time, which other work on the machine changes little.

    `rollout_cpu` is the part of `cpu` until the batch is ready.
    """

    wall: float
    cpu: float
    rollout_cpu: float

    @property
    def update_cpu(self) -> float:
        """Forward and backward."""
        return self.cpu - self.rollout_cpu


def against_grpo(model: Path, proportions: Proportions, rounds: int) -> list[Row]:
    """How many times longer a BRPO step takes than TRL's GRPO, and than the BRPO trainer with one budget and answer."""
    from datasets import Dataset

    rows = Dataset.from_list(problems(proportions.prompts * (rounds + 1)))
    sides = {
        BRPO: brpo(model, proportions, rows),
        TRL_GRPO: trl_grpo(model, proportions, rows),
        OWN_GRPO: brpo(model, replace(proportions, budgets=proportions.budgets[-1:], answers=1), rows),
    }
    spent: dict[str, list[Spent]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in rotated(list(sides), turn):
            elapsed = step(sides[name])
            if turn:
                spent[name].append(elapsed)
    section = f"step, {proportions.name}"
    held = [
        Row(section, f"BRPO / {other}, {clock}", _ratio(spent, other, part), "x", bar=bar, better="lower")
        for other, bar in BARS.items()
        for part, clock in (("wall", "time"), ("cpu", "CPU time"))
    ]
    parts = [
        Row(section, f"{what}, BRPO / {other}, CPU time", _ratio(spent, other, part), "x")
        for other in (TRL_GRPO, OWN_GRPO)
        for part, what in (("rollout_cpu", "rollout"), ("update_cpu", "update"))
    ]
    seconds = [Row(section, f"{name}, CPU time", _of(values, "cpu"), "s") for name, values in spent.items()]
    return [*held, *parts, *seconds]


def _ratio(spent: Mapping[str, Sequence[Spent]], other: str, part: str) -> Series:
    return _of(spent[BRPO], part).over(_of(spent[other], part))


def _of(values: Sequence[Spent], part: str) -> Series:
    return Series.of(getattr(value, part) for value in values)


def split(model: Path, proportions: Proportions, rounds: int) -> list[Row]:
    """What a BRPO step spends its seconds on, and what leaving out tokens without a gradient saves."""
    from datasets import Dataset

    rows = Dataset.from_list(problems(proportions.prompts * (rounds + 1)))
    sides = {
        "compact": brpo(model, proportions, rows, right),
        "whole": brpo(model, proportions, rows, right, compact=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    parts: dict[str, list[float]] = {name: [] for name in (*SPLIT, "seconds/update")}
    for turn in range(rounds + 1):
        for name in rotated(list(sides), turn):
            total = step(sides[name]).wall
            spent = {part: sides[name]._metrics["train"][part][-1] for part in SPLIT}
            spent["seconds/update"] = total - sum(spent.values())
            if turn:
                seconds[name].append(spent["seconds/update"])
                for part, value in spent.items() if name == "compact" else ():
                    parts[part].append(value / total)
    section = f"step, {proportions.name}"
    shares = [Row(section, f"share of {part.removeprefix('seconds/')}", Series.of(v), "") for part, v in parts.items()]
    saved = Series.of(seconds["whole"]).over(Series.of(seconds["compact"]))
    return [*shares, Row(section, "update, every token / those with a gradient", saved, "x")]


def peak_memory(side: str, model: Path, proportions: Proportions) -> None:
    """Do one step in this process and print its peak memory in MiB as JSON."""
    from datasets import Dataset

    rows = Dataset.from_list(problems(proportions.prompts))
    step((brpo if side == BRPO else trl_grpo)(model, proportions, rows))
    print(json.dumps({"peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """This program's own peak; getrusage would count what its parent had when it was forked."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def step(trainer: Any) -> Spent:
    """Generate, score, forward and backward."""
    if not hasattr(trainer, "batches"):
        trainer.batches = iter(trainer.get_train_dataloader())
        trainer.model_wrapped = trainer.model = trainer.accelerator.prepare_model(trainer.model)
        trainer.current_gradient_accumulation_steps = 1
        _clock_rollouts(trainer)
    start, cpu = time.perf_counter(), time.process_time()
    trainer.model.train()
    trainer.training_step(trainer.model, next(trainer.batches), None)
    spent = Spent(time.perf_counter() - start, time.process_time() - cpu, trainer.rolled_out - cpu)
    trainer.model.zero_grad()
    return spent


def _clock_rollouts(trainer: Any) -> None:
    """Note the CPU time at which each batch is ready."""
    generate = trainer._generate_and_score_completions

    def clocked(inputs: Any) -> Any:
        batch = generate(inputs)
        trainer.rolled_out = time.process_time()
        return batch

    trainer._generate_and_score_completions = clocked


def brpo(model: Path, proportions: Proportions, rows: Any, reward: Any = None, compact: bool = True) -> Any:
    """A BRPO trainer of these proportions."""
    from anytime_training.brpo.config import BRPOConfig
    from anytime_training.brpo.trainer import BRPOTrainer

    arguments = BRPOConfig(
        budgets=list(proportions.budgets),
        interim_samples=proportions.answers,
        interim_max_tokens=proportions.answer_tokens,
        compact=compact,
        max_tokens_per_forward=8192,
        **_common(proportions),
    )
    return BRPOTrainer(
        _loaded(model), reward or graded, arguments, train_dataset=rows, processing_class=_tokenizer(model)
    )


def trl_grpo(model: Path, proportions: Proportions, rows: Any) -> Any:
    """TRL's own GRPO trainer: as many thinking tokens, then one answer."""
    from trl import GRPOConfig, GRPOTrainer

    arguments = GRPOConfig(
        max_completion_length=proportions.budgets[-1] + proportions.answer_tokens,
        loss_type="dr_grpo",
        scale_rewards="none",
        beta=0.0,
        **_common(proportions),
    )
    return GRPOTrainer(_loaded(model), graded, arguments, train_dataset=rows, processing_class=_tokenizer(model))


def right(completions: list[Any], **_: Any) -> list[float]:
    """Right or wrong, as verifiers say: alike answers and groups have no advantage."""
    return [float(sum(map(ord, completion[0]["content"])) % 7 < 3) for completion in completions]


def graded(completions: list[Any], **_: Any) -> list[float]:
    """A reward that differs between answers, so that nothing is left out for want of an advantage."""
    return [sum(map(ord, completion[0]["content"])) % 97 / 96 for completion in completions]


def _common(proportions: Proportions) -> Mapping[str, Any]:
    return {
        "output_dir": mkdtemp(),
        "per_device_train_batch_size": proportions.rollouts,
        "num_generations": proportions.group,
        "temperature": 1.0,
        "max_steps": 1000,
        "shuffle_dataset": False,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
    }


def _loaded(model: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model)


def _tokenizer(model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)
