"""Ten steps of BRPO on 30 million random weights: flex_attention, bfloat16, and vLLM where TRL drives it."""

import argparse
import json
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.random_model import save_random_model
from smoke_parts.runs import train

DRIVEN = ((0, 22), (0, 32))
"""The first and the last minor version of vLLM that TRL 1.16.0 drives; of the last it warns."""


def settings(dry: bool) -> list[str]:
    """What differs from the tiny recipe."""
    # At the recipe's rate such a model says one word only after two steps, and has nothing left to learn from.
    common = ["data.n=200", "trainer.num_generations=4", "trainer.learning_rate=1e-6"]
    if dry:
        return [*common, "trainer.budgets=[8, 16]", "trainer.per_device_train_batch_size=8", "trainer.use_cpu=true"]
    vllm = [
        "trainer.use_vllm=true",
        "trainer.vllm_mode=colocate",
        "trainer.vllm_gpu_memory_utilization=0.1",
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
        last = train("tiny", model, folder, steps, settings(dry))[-1]
    names = [key for key in last if key.startswith(("seconds", "sampling/", "tokens_per_second"))]
    print(json.dumps({"steps": steps, "vllm": not dry and _driven(), **{key: last[key] for key in names}}))


if __name__ == "__main__":
    main()
