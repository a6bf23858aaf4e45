"""A run of `anytime train brpo` on random weights, and what it has logged."""

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REWARD = '''
def score(answer, accepted):
    """The share of vowels: a random model says letters only."""
    return sum(letter in "aeiou" for letter in answer) / max(len(answer), 1)
'''


CLI = ("anytime_training.cli",)


def train(
    recipe: str, model: Path, folder: Path, steps: int, settings: list[str], program: Sequence[str] = CLI
) -> list[dict[str, Any]]:
    """Train for some steps, check that each has learned something, and return what they have logged.

    `program` is the module that has the command, with arguments of its own.
    """
    reward = folder / "reward.py"
    reward.write_text(REWARD)
    common = [f"reward.verifier={reward}:score", "trainer.report_to=none", "trainer.save_strategy='no'"]
    command = [sys.executable, "-m", *program, "brpo", "--recipe", recipe, "--model", str(model)]
    command += ["--out", str(folder / "out"), "--max-steps", str(steps)]
    done = subprocess.run([*command, *(part for key in [*common, *settings] for part in ("--set", key))], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == steps, f"{len(lines)} steps were logged, not {steps}"
    assert all(math.isfinite(line["loss"]) and line["grad_norm"] > 0 for line in lines), lines
    return lines
