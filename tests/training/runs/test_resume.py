"""A killed run goes on as if it had not been: from its newest complete checkpoint, with the same numbers."""

import json
import os
import shutil
import signal

import pytest
from transformers import TrainerCallback

from anytime_training.errors import RunStopped
from anytime_training.runs import brpo, checkpoints
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.recipes import load_recipe

pytestmark = pytest.mark.slow

STEPS = 3
SETTINGS = [
    "trainer.budgets=[4, 8]",
    "trainer.interim_samples=2",
    "trainer.interim_max_tokens=4",
    "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4",
    "trainer.save_steps=1",
    "trainer.save_total_limit=null",
    f"trainer.max_steps={STEPS}",
    "data.n=40",
    "data.families={largest: 1, smallest: 1}",
    "data.count=[3, 5]",
]
KILLED_IN_STEP_3 = """
import os, signal, sys
from pathlib import Path

# TRL imports vLLM wherever it is, and that takes longer than the training.
sys.modules["vllm"] = None
from transformers import TrainerCallback
from anytime_training.runs import brpo
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.recipes import load_recipe

class Kill(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 2:
            os.kill(os.getpid(), signal.SIGKILL)

run = brpo.prepare(load_recipe(BrpoRecipe, "tiny", sys.argv[2:]), Path(sys.argv[1]))
run.trainer.add_callback(Kill())
run.train()
"""
CLOCKS = ("seconds", "step_time", "tokens_per_second")


def train(out, resume=False):
    brpo.prepare(load_recipe(BrpoRecipe, "tiny", SETTINGS), out, resume=resume).train()


def metrics(out):
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if not key.startswith(CLOCKS)} for line in lines]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    out = tmp_path_factory.mktemp("straight")
    train(out)
    learns = [line["grad_norm"] > 0 for line in metrics(out)]
    assert learns[-1], "what is resumed must learn"
    return out


@pytest.fixture(scope="module")
def killed(tmp_path_factory, forks):
    out, script = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("script") / "killed.py"
    script.write_text(KILLED_IN_STEP_3)
    run = forks.piped([str(script), str(out), *SETTINGS])
    try:
        written, _ = run.communicate(timeout=240)
    finally:
        run.close()
    assert run.returncode == -signal.SIGKILL, written[-3000:]
    return out


@pytest.mark.parametrize("newest_is_broken", [False, True])
def test_a_killed_run_resumes_exactly(straight, killed, tmp_path, newest_is_broken):
    out = tmp_path / "resumed"
    shutil.copytree(killed, out)
    folder = out / "checkpoints"
    if newest_is_broken:
        optimizer = folder / "checkpoint-2" / "optimizer.pt"
        optimizer.write_bytes(optimizer.read_bytes()[:-100])
    expected = "checkpoint-1" if newest_is_broken else "checkpoint-2"
    assert checkpoints.last_complete(folder).name == expected
    train(out, resume=True)
    assert [line["step"] for line in metrics(out)] == list(range(1, STEPS + 1))
    assert metrics(out) == metrics(straight)
    assert (out / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()
    assert checkpoints.last_complete(folder).name == f"checkpoint-{STEPS}"


class Terminate(TrainerCallback):
    """Somebody asks the run to end while it is in its second step."""

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_terminated_run_ends_with_a_checkpoint_says_so_and_resumes_exactly(straight, tmp_path):
    handler = signal.getsignal(signal.SIGTERM)
    run = brpo.prepare(load_recipe(BrpoRecipe, "tiny", SETTINGS), tmp_path)
    run.trainer.add_callback(Terminate())
    with pytest.raises(RunStopped, match=rf"after step 2 of {STEPS}; its checkpoint is in .* with --resume"):
        run.train()
    assert checkpoints.last_complete(tmp_path / "checkpoints").name == "checkpoint-2"
    assert not (tmp_path / "model.safetensors").exists()
    assert signal.getsignal(signal.SIGTERM) == handler
    train(tmp_path, resume=True)
    assert metrics(tmp_path) == metrics(straight)
    assert (tmp_path / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()


def checkpoint(folder, step, complete=True):
    path = folder / f"checkpoint-{step}"
    (path / "shards").mkdir(parents=True)
    (path / "shards" / "0.bin").write_bytes(b"weights")
    (path / "trainer_state.json").write_text("{}")
    if complete:
        checkpoints.seal(path)
    return path


def test_the_last_complete_checkpoint_is_the_newest_by_step(tmp_path):
    assert checkpoints.last_complete(tmp_path / "none") is None
    for step in (9, 10):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 11, complete=False)
    assert checkpoints.last_complete(tmp_path).name == "checkpoint-10"


def test_a_missing_or_short_file_makes_a_checkpoint_incomplete(tmp_path):
    short, missing, good = (checkpoint(tmp_path, step) for step in (1, 2, 3))
    (short / "shards" / "0.bin").write_bytes(b"weigh")
    (missing / "shards" / "0.bin").unlink()
    assert checkpoints.discard_incomplete(tmp_path) == [short, missing]
    assert checkpoints.all_in(tmp_path) == [good]
