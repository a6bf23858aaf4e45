"""What a run shows and keeps while it goes on: a line a logged step, metrics.jsonl and sealed checkpoints.

Imports transformers: import it where it is used.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import ProgressCallback, TrainerCallback

from anytime_training.rewards.pool import Counts
from anytime_training.rewards.watch import LOST, RewardWatch
from anytime_training.runs import checkpoints

METRICS = "metrics.jsonl"


class Progress(ProgressCallback):
    """A progress bar with a compact line a logged step; all metrics go to `out`/metrics.jsonl, a JSON object a line.

    A resumed run takes the lines of the steps that it repeats out of the file first. A run without rewards is told so.
    """

    def __init__(self, out: Path, verified: Counts, bar: bool = True) -> None:
        super().__init__()
        self._verified = verified
        self._counted = asdict(verified)
        self._path = out / METRICS
        self._bar = bar
        self._seen = (0.0, 0.0)
        self._watch = RewardWatch()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the bar where the run starts."""
        self._seen = time.perf_counter(), float(state.num_input_tokens_seen)
        self._counted = asdict(self._verified)
        if not state.is_world_process_zero:
            return
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        kept = [line for line in lines if _whole(line) and json.loads(line)["step"] <= state.global_step]
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        if self._bar:
            super().on_train_begin(args, state, control, **kwargs)
            self.training_bar.update(state.global_step)
            self.current_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the bar."""
        if self.training_bar is not None:
            super().on_step_end(args, state, control, **kwargs)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the bar of an evaluation, where there are bars."""
        if self._bar:
            super().on_prediction_step(args, state, control, **kwargs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        if self.training_bar is not None:
            super().on_train_end(args, state, control, **kwargs)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Write a line, but for the totals at the end of the run; every process tells how its verifications went."""
        if "train_runtime" in logs:
            return
        verifications = self._verifications()
        if not state.is_world_process_zero:
            return
        metrics = {"step": state.global_step, **logs, **verifications, **self._pace(logs)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")
        self._say(line(metrics, state.max_steps))
        if (warning := self._watch.observe(metrics)) is not None:
            self._say(warning)

    def _say(self, text: str) -> None:
        if self.training_bar is not None:
            self.training_bar.write(text)
        else:
            print(text, flush=True)

    def _verifications(self) -> dict[str, int]:
        """How the verifications of all processes since the last logged step went."""
        before, self._counted = self._counted, asdict(self._verified)
        own = {name: count - before[name] for name, count in self._counted.items()}
        everywhere = gather_object([own]) if PartialState().num_processes > 1 else [own]
        return {f"verifier/{name}": sum(one[name] for one in everywhere) for name in own}

    def _pace(self, logs: Mapping[str, Any]) -> dict[str, float]:
        before, tokens_before = self._seen
        if "eval_runtime" in logs:  # its time is no part of the steps around it
            self._seen = before + logs["eval_runtime"], tokens_before
        if "num_tokens" not in logs:
            return {}
        self._seen = time.perf_counter(), float(logs["num_tokens"])
        seconds = self._seen[0] - before
        return {"seconds": round(seconds, 3), "tokens_per_second": round((self._seen[1] - tokens_before) / seconds, 1)}


class SealCheckpoints(TrainerCallback):
    """Seals a checkpoint when every process has written its part."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the other processes, then seal."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            checkpoints.seal(Path(args.output_dir) / f"{checkpoints.PREFIX}{state.global_step}")


def line(metrics: Mapping[str, Any], max_steps: int) -> str:
    """The metrics of a step on one line, those that there are.

    For example `step 3/80  reward 0.412  24:0.31 96:0.50  thinking 61 (83% ended)  5120 tokens/s  2.1 s`. `failed n`
    stands in it if n verifications since the last line did not end in a reward.
    """
    prefix = "eval_" if "eval_anytime_reward" in metrics else ""
    parts = [f"{'eval' if prefix else 'step'} {metrics['step']}/{max_steps}"]
    if f"{prefix}anytime_reward" in metrics:
        parts.append(f"reward {metrics[f'{prefix}anytime_reward']:.3f}")
    rewards = {key.removeprefix(f"{prefix}reward/"): value for key, value in metrics.items()}
    budgets = [f"{budget}:{value:.2f}" for budget, value in rewards.items() if budget.isdecimal()]
    parts += [" ".join(budgets)] if budgets else []
    if f"{prefix}thinking/mean_length" in metrics:
        length, ended = metrics[f"{prefix}thinking/mean_length"], metrics[f"{prefix}thinking/ended"]
        parts.append(f"thinking {length:.0f} ({ended:.0%} ended)")
    if not budgets and "loss" in metrics:
        parts.append(f"loss {metrics['loss']:.4g}")
    if failed := sum(metrics.get(f"verifier/{name}", 0) for name in LOST):
        parts.append(f"failed {failed}")
    if "seconds" in metrics:
        parts += [f"{metrics['tokens_per_second']:.0f} tokens/s", f"{metrics['seconds']:.1f} s"]
    return "  ".join(parts)


def _whole(text: str) -> bool:
    """Whether a line was written to its end; the last one of a killed run may not be."""
    return text.startswith("{") and text.endswith("}")
