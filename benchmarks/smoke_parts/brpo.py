"""Ten steps of BRPO on 30 million random weights: flex_attention, bfloat16, and vLLM where TRL drives it."""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.random_model import save_random_model

REWARD = '''
def score(answer, accepted):
    """The share of vowels: a random model says letters only."""
    return sum(letter in "aeiou" for letter in answer) / max(len(answer), 1)
'''
DRIVEN = ((0, 22), (0, 32))
"""The first and the last minor version of vLLM that TRL 1.16.0 drives; of the last it warns."""


def settings(dry: bool, reward: Path) -> list[str]:
    """What differs from the tiny recipe."""
    common = [
        f"reward.verifier={reward}:score",
        "data.n=200",
        "trainer.num_generations=4",
        "trainer.report_to=none",
        "trainer.save_strategy='no'",
    ]
    if dry:
        return [*common, "trainer.budgets=[8, 16]", "trainer.per_device_train_batch_size=8", "trainer.use_cpu=true"]
    vllm = [
        "trainer.use_vllm=true",
        "trainer.vllm_mode=colocate",
        "trainer.vllm_gpu_memory_utilization=0.3",
        "trainer.vllm_max_model_length=2048",
        "trainer.vllm_importance_sampling_correction=true",
    ]
    return [
        *common,
        "threads=null",
        "trainer.budgets=[256, 512, 768, 1024]",
        "trainer.interim_max_tokens=16",
        "trainer.per_device_train_batch_size=8",
        "trainer.max_tokens_per_forward=8192",
        "trainer.use_cpu=false",
        "trainer.bf16=true",
        "trainer.gradient_checkpointing=true",
        "trainer.model_init_kwargs={attn_implementation: flex_attention}",
        *(vllm if _driven() else []),
    ]


def _driven() -> bool:
    try:
        installed = tuple(map(int, version("vllm").split(".")[:2]))
    except PackageNotFoundError:
        return False
    return DRIVEN[0] <= installed <= DRIVEN[1]


def main() -> None:
    """Train, check what was logged, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="two steps of a smaller model on the CPU, with sdpa")
    dry = parser.parse_args().dry
    steps = 2 if dry else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = {} if dry else {"hidden": 512, "layers": 10}
        model = save_random_model(folder / "model", context=2048, **size)
        (folder / "reward.py").write_text(REWARD)
        overrides = settings(dry, folder / "reward.py")
        command = [sys.executable, "-m", "anytime_training.cli", "brpo", "--recipe", "tiny", "--model", str(model)]
        command += ["--out", str(folder / "out"), "--max-steps", str(steps)]
        done = subprocess.run([*command, *(part for key in overrides for part in ("--set", key))], check=False)
        if done.returncode:
            sys.exit(done.returncode)
        lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == steps, f"{len(lines)} steps were logged, not {steps}"
    assert all(math.isfinite(line["loss"]) and line["grad_norm"] > 0 for line in lines), lines
    last = lines[-1]
    names = [key for key in last if key.startswith(("seconds", "sampling/", "tokens_per_second"))]
    print(json.dumps({"steps": steps, "vllm": not dry and _driven(), **{key: last[key] for key in names}}))


if __name__ == "__main__":
    main()
