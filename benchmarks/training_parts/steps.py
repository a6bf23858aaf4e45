"""A training step of BRPO against one of TRL's own GRPO with trunks as long, and what a step spends its time on."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from harness.measure import Series, rotated
from harness.report import Row
from training_parts.rollouts import Proportions, problems

SPLIT = ("seconds/thinking", "seconds/answers", "seconds/rewards")


def against_grpo(model: Path, proportions: Proportions, rounds: int) -> list[Row]:
    """How many times longer a BRPO step takes."""
    from datasets import Dataset

    rows = Dataset.from_list(problems(proportions.prompts * (rounds + 1)))
    sides = {"BRPO": brpo(model, proportions, rows), "GRPO": trl_grpo(model, proportions, rows)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in rotated(list(sides), turn):
            elapsed = step(sides[name])
            if turn:
                seconds[name].append(elapsed)
    ratio = Series.of(seconds["BRPO"]).over(Series.of(seconds["GRPO"]))
    section = f"step, {proportions.name}"
    return [
        Row(section, "BRPO / TRL's GRPO", ratio, "x", bar=1.1, better="lower"),
        Row(section, "GRPO", Series.of(seconds["GRPO"]), "s"),
    ]


def split(model: Path, proportions: Proportions, rounds: int) -> list[Row]:
    """What a BRPO step spends its seconds on, and what leaving out tokens without a gradient saves."""
    from datasets import Dataset

    rows = Dataset.from_list(problems(proportions.prompts * (rounds + 1)))
    sides = {"compact": brpo(model, proportions, rows), "whole": brpo(model, proportions, rows, compact=False)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    parts: dict[str, list[float]] = {name: [] for name in (*SPLIT, "seconds/update")}
    for turn in range(rounds + 1):
        for name in rotated(list(sides), turn):
            total = step(sides[name])
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
    step((brpo if side == "BRPO" else trl_grpo)(model, proportions, rows))
    print(json.dumps({"peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """This program's own peak; getrusage would count what its parent had when it was forked."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def step(trainer: Any) -> float:
    """Generate, score, forward and backward; return the seconds."""
    if not hasattr(trainer, "batches"):
        trainer.batches = iter(trainer.get_train_dataloader())
        trainer.model_wrapped = trainer.model = trainer.accelerator.prepare_model(trainer.model)
        trainer.current_gradient_accumulation_steps = 1
    start = time.perf_counter()
    trainer.model.train()
    trainer.training_step(trainer.model, next(trainer.batches), None)
    elapsed = time.perf_counter() - start
    trainer.model.zero_grad()
    return elapsed


def brpo(model: Path, proportions: Proportions, rows: Any, compact: bool = True) -> Any:
    """A BRPO trainer of these proportions."""
    from anytime_training.brpo_config import BRPOConfig
    from anytime_training.trainer import BRPOTrainer

    arguments = BRPOConfig(
        budgets=list(proportions.budgets),
        interim_samples=proportions.answers,
        interim_max_tokens=proportions.answer_tokens,
        compact=compact,
        max_tokens_per_forward=8192,
        **_common(proportions),
    )
    return BRPOTrainer(_loaded(model), reward, arguments, train_dataset=rows, processing_class=_tokenizer(model))


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
    return GRPOTrainer(_loaded(model), reward, arguments, train_dataset=rows, processing_class=_tokenizer(model))


def reward(completions: list[Any], **_: Any) -> list[float]:
    """A reward that differs between answers, so that nothing is left out for want of an advantage."""
    return [float(sum(map(ord, completion[0]["content"])) % 7 < 3) for completion in completions]


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
