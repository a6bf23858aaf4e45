"""The paper's recipe at its full size, on random weights and one card: how long, and how much memory.

The model has the shape of DeepSeek-R1-Distill-Qwen-1.5B, and never ends its thinking: all rows are as long as the
budget allows. One problem has eight rollouts, in place of 64 on eight cards, for two updates: AdamW has its moments in
the second. Every other setting that memory depends on is the recipe's.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from transformers import Qwen2Config

from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.memory import GIB, estimate
from anytime_training.runs.recipes import load_recipe
from harness.random_model import save_model
from smoke_parts.runs import train

RECIPE = "r1-distill-1.5b-8k"
DISTILL = {
    "vocab_size": 151936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
}
SMALL = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
ONE_CARD = [
    "trainer.gradient_accumulation_steps=2",
    "trainer.steps_per_generation=4",
    "trainer.vllm_gpu_memory_utilization=0.1",
]
ON_A_CPU = [
    "trainer.budgets=[8, 16, 24, 32]",
    "trainer.interim_max_tokens=4",
    "trainer.max_completion_length=128",
    "trainer.use_vllm=false",
    "trainer.bf16=false",
    "trainer.use_cpu=true",
    "trainer.model_init_kwargs=null",
]


def main() -> None:
    """Train, print what it took beside the estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="a model of two layers on the CPU, with sdpa and short rows")
    dry = parser.parse_args().dry
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = Qwen2Config(**(SMALL if dry else DISTILL), max_position_embeddings=131072, tie_word_embeddings=False)
        model = save_model(config, folder / "model", torch.float32 if dry else torch.bfloat16)
        problems = folder / "problems.jsonl"
        problems.write_text("".join(json.dumps({"prompt": f"Is {n} prime?", "answer": "no"}) + "\n" for n in range(64)))
        settings = [f"data={{file: {problems}}}", *ONE_CARD, *(ON_A_CPU if dry else [])]
        expected = estimate(load_recipe(BrpoRecipe, RECIPE, settings).with_model(str(model)))
        peak = folder / "peak"
        line = train(RECIPE, model, folder, 2, settings, program=["smoke_parts.peaked", str(peak)])[0]
        found = {"peak_gib": round(int(peak.read_text()) / GIB, 2), "estimated_gib": round(expected.total / GIB, 2)}
    seconds = {key: line[key] for key in line if key.startswith(("seconds", "tokens_per_second", "step_time"))}
    print(json.dumps({**found, "estimate": expected.table().splitlines(), **seconds}))


if __name__ == "__main__":
    main()
