"""Rollouts with vLLM inside the training process, on its CPU build."""

import json
import os

import pytest

from vllm_forks import Script

SCRIPT = """
import json, sys, warnings
from pathlib import Path
import torch
warnings.filterwarnings("ignore")
import vllm._custom_ops

# oneDNN packs the weights once for all, so that no trainer can load new ones; torch's own product keeps them.
vllm._custom_ops._supports_onednn = False
from anytime_server.controller import branch
from tiny_trainer import brpo_trainer

folder = Path(sys.argv[1])
trainer = brpo_trainer(
    folder, use_vllm=True, vllm_mode="colocate", vllm_gpu_memory_utilization=0.1, vllm_max_model_length=256,
    compact=False, max_steps=2, budgets=[6, 12, 24], learning_rate=1e-2,
)
report = {"asked": [], "gaps": [], "ratios": [], "lengths": []}
turn, score = trainer._generate_single_turn, trainer._generate_and_score_completions
answer = trainer.collector.sampler.answer


def spy(stems):
    asked = []

    def keep(prompts, *args):
        asked.extend(prompts)
        ids, logps = turn(prompts, *args)
        report["lengths"].append([len(reply) for reply in ids])
        return ids, logps

    trainer._generate_single_turn = keep
    replies = answer(stems)
    trainer._generate_single_turn = turn
    expected = []
    for stem in stems:
        broken = stem.trunk_ids[-1] in trainer.format.eos_ids
        for budget in trainer.args.budgets:
            if not (broken and budget >= len(stem.trunk_ids)):
                expected.append(branch(stem.prompt_ids, stem.trunk_ids, budget, trainer.format))
    report["asked"].append(asked == expected)
    return replies


def keep_batch(inputs):
    batch = score(inputs)
    kept = (batch["tool_mask"] * batch["completion_mask"]) > 0
    gap = (batch["sampling_per_token_logps"] - batch["old_per_token_logps"])[kept].abs()
    report["gaps"].append([gap.mean().item(), gap.max().item()])
    report["ratios"].append(batch["importance_sampling_ratio"][kept].mean().item())
    return batch


trainer.collector.sampler.answer = spy
trainer._generate_and_score_completions = keep_batch
before = [value.detach().clone() for value in trainer.model.parameters()]
trainer.train()
report["moved"] = max((a - b).abs().max().item() for a, b in zip(before, trainer.model.parameters()))
report["logged"] = [sorted(entry) for entry in trainer.state.log_history if "anytime_reward" in entry]
report["sequences"] = trainer.vllm_generation.llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
(folder / "report.json").write_text(json.dumps(report))
"""


@pytest.mark.slow
def test_vllm_samples_what_the_trainer_trains(tmp_path):
    """Branches are token-exact, and log-probabilities agree before and after the weights are synchronised."""
    pytest.importorskip("vllm", reason="rollouts with vLLM need vLLM, which is not installed")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {
        **os.environ,
        # To compile the tiny model takes longer than all the rest.
        "TORCH_COMPILE_DISABLE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",
    }
    log = tmp_path / "log"
    run = Script([str(script), str(tmp_path)], log, environment)
    try:
        assert run.wait(280) == 0, log.read_text()[-3000:]
    finally:
        run.kill()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["asked"] == [True, True]
    assert report["sequences"] == 256
    assert len(report["logged"]) == 2
    assert report["moved"] > 0
    for mean, largest in report["gaps"]:  # vLLM computes in bfloat16 here, the trainer in float32
        assert mean < 0.05
        assert largest < 0.5
    assert report["ratios"] == pytest.approx([1.0, 1.0], abs=0.02)
    assert all(1 <= length <= 5 for lengths in report["lengths"] for length in lengths)
