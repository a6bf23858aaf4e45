"""Two processes that hold half of every group each: advantages and weights of the whole group."""

import json
import os

import pytest

SCRIPT = """
import json, os, socket, sys, warnings
from pathlib import Path

# TRL imports vLLM wherever it is, and that takes longer than the training.
sys.modules["vllm"] = None
import torch
warnings.filterwarnings("ignore")
from tiny_trainer import brpo_trainer

# Both processes come from one that has imported everything, and meet at a port that was free just now.
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    os.environ["MASTER_PORT"] = str(probe.getsockname()[1])
rank = 0 if (other := os.fork()) else 1
os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
folder = Path(sys.argv[1])


def by_process(completions, **columns):
    return [float(rank)] * len(completions)


# 2 processes x 2 rollouts: one group of 4, so half of it lies in each process.
trainer = brpo_trainer(
    folder, by_process, per_device_train_batch_size=2, max_steps=3, compact=False,
    max_tokens_per_forward=100,
)
batches, generate = [], trainer._generate_and_score_completions


def keep(inputs):
    batch = generate(inputs)
    trained = batch["tool_mask"] > 0
    trunk = trained & (batch["tree_reach"] == 0)
    batches.append({
        "prompts": [row["prompt"] for row in inputs],
        "first": [row[mask][0].item() for row, mask in zip(batch["advantages"], trunk)],
        "answers": batch["advantages"][trained & ~trunk].abs().max().item(),
        "tokens": [(batch["tool_mask"] * batch["completion_mask"]).sum().item(), batch["num_items_in_batch"].item()],
        "ids": batch["completion_ids"].tolist(),
    })
    return batch


trainer._generate_and_score_completions = keep
start = [value.detach().clone() for value in trainer.model.parameters()]
trainer.train()
weights = [value.detach() for value in trainer.model.parameters()]
logged = [entry["anytime_reward"] for entry in trainer.state.log_history if "anytime_reward" in entry]
moved = max((a - b).abs().max().item() for a, b in zip(start, weights))
(folder / f"{rank}.json").write_text(json.dumps({"batches": batches, "moved": moved, "logged": logged}))
torch.save(weights, folder / f"{rank}.pt")
if other:
    _, status = os.waitpid(other, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, forks):
    """What each process saw, and the weights it ended with."""
    import torch

    folder = tmp_path_factory.mktemp("distributed")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {
        **os.environ,
        "TOKENIZERS_PARALLELISM": "false",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
    }
    both = forks.piped([str(script), str(folder)], environment)
    try:
        written, _ = both.communicate(timeout=240)
    finally:
        both.close()
    assert both.returncode == 0, written[-3000:]
    seen = [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]
    return seen, [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.slow
def test_advantages_compare_with_the_rollouts_of_all_processes(run):
    """One process's rollouts have reward 1, the other's 0; alone, neither would have an advantage."""
    seen, _ = run
    for batch in seen[0]["batches"]:
        assert batch["first"] == pytest.approx([-0.5, -0.5])
    for batch in seen[1]["batches"]:
        assert batch["first"] == pytest.approx([0.5, 0.5])


@pytest.mark.slow
def test_a_group_is_one_prompt_across_processes_and_its_rollouts_differ(run):
    seen, _ = run
    for own, other in zip(*(one["batches"] for one in seen), strict=True):
        assert len(set(own["prompts"] + other["prompts"])) == 1
        assert own["ids"] != other["ids"]


@pytest.mark.slow
def test_answers_compare_within_their_thinking_wherever_it_is(run):
    seen, _ = run
    assert all(batch["answers"] == 0 for one in seen for batch in one["batches"])


@pytest.mark.slow
def test_the_number_of_trained_tokens_is_that_of_all_processes(run):
    seen, _ = run
    for own, other in zip(*(one["batches"] for one in seen), strict=True):
        assert own["tokens"][1] == other["tokens"][1] == own["tokens"][0] + other["tokens"][0]


@pytest.mark.slow
def test_both_processes_end_with_the_same_trained_weights(run):
    import torch

    seen, weights = run
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*weights, strict=True))
    assert all(one["moved"] > 0 for one in seen)


@pytest.mark.slow
def test_the_logged_reward_is_that_of_all_processes(run):
    seen, _ = run
    assert seen[0]["logged"] == pytest.approx([0.5] * 3)
