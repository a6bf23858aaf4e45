"""`anytime train brpo`: wrong input ends at once with what to fix; a short run writes a model and its metrics."""

import json

import pytest
from typer.testing import CliRunner

from anytime_training.cli import app
from anytime_training.runs import checkpoints

SMALL = [
    "trainer.budgets=[6, 12]",
    "trainer.interim_samples=2",
    "trainer.interim_max_tokens=4",
    "trainer.per_device_train_batch_size=8",
    "trainer.num_generations=4",
    "data.n=40",
]


def brpo(out, *arguments, overrides=()):
    options = [part for override in [*SMALL, *overrides] for part in ("--set", override)]
    return CliRunner().invoke(app, ["brpo", "--out", str(out), *options, *map(str, arguments)])


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "problems.jsonl").write_text(text)
        return f"data={{file: {tmp_path / 'problems.jsonl'}}}"

    return write


def refused(result, message):
    assert result.exit_code == 2, result.output
    assert "error: " in [line[:7] for line in result.output.splitlines()]
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "overrides", "message"),
    [
        (["--recipe", "huge"], [], "unknown recipe 'huge' for brpo; known: "),
        (["--resume"], [], "no complete checkpoint"),
        ([], ["trainer.budget=3"], "did you mean budgets"),
        ([], ["trainer.budgets=[6, 2000]"], "model's context of 1024"),
        ([], ["reward.verifier=perfect"], "unknown verifier 'perfect'"),
        ([], ["data.max_prompt_tokens=2"], "no problem is left"),
        ([], ["data.n=1"], "1 problems do not fill one batch of 2"),
        (["--model", "/no/such/model"], [], "there is no /no/such/model"),
        ([], ["trainer.thinking_format=nothing"], "nothing"),
        ([], ["trainer.eval_strategy=steps", "evaluation_data=null"], "eval_strategy evaluates evaluation_data"),
    ],
)
def test_wrong_input_is_named(tmp_path, arguments, overrides, message):
    refused(brpo(tmp_path / "out", *arguments, overrides=overrides), message)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('{"question": "1 + 1?", "value": "2"}\n', "no column 'answer' or 'solution'"),
        ('{"question": "1 + 1?", "answer": ""}\n', "row 1: no answer that can be verified"),
        ('{"question": "1 + 1?", "answer": "the Answer: 2"}\n', "does not accept 1 of 1 answers themselves"),
        ("", "can't be loaded"),
    ],
)
def test_wrong_data_is_named(tmp_path, file, rows, message):
    refused(brpo(tmp_path / "out", overrides=["data.n=null", file(rows)]), message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 3", "the verifier returned 3; a reward must be a bool or a number in [0, 1]"),
        ("return unit", "NameError: name 'unit' is not defined"),
    ],
)
def test_a_verifier_that_always_fails_is_named_before_a_model_is_loaded(tmp_path, body, message):
    (tmp_path / "bad.py").write_text(f"def score(answer, accepted):\n    {body}\n")
    result = brpo(tmp_path / "out", overrides=[f"reward.verifier={tmp_path}/bad.py:score", "reward.workers=1"])
    refused(result, message)
    assert "bad.py:score' failed on every one of 4 answers" in result.output


def test_a_verifier_of_ones_own_sees_the_prompt(tmp_path):
    body = "    assert prompt == prompts and budget and completion_ids\n    return len(prompt[-1]['content']) > 3\n"
    (tmp_path / "mine.py").write_text(f"def score(answer, accepted, prompt, prompts, budget, completion_ids):\n{body}")
    verifier = [f"reward.verifier={tmp_path}/mine.py:score", "reward.workers=1"]
    result = brpo(tmp_path / "out", "--max-steps", 1, overrides=verifier)
    assert result.exit_code == 0, result.output
    (metrics,) = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert metrics["verifier/verified"] > 0
    assert metrics["verifier/failed"] == 0


def test_a_prompt_that_leaves_too_little_room_names_the_budget_first(tmp_path, file):
    rows = [json.dumps({"question": " ".join([word] * 200), "answer": "2"}) for word in ("12", "34")]
    result = brpo(tmp_path / "out", overrides=["data.n=null", file("\n".join(rows)), "trainer.budgets=[6, 900]"])
    refused(result, "trainer.budgets: beside 900 thinking tokens and an answer, a context of 1024 has room for")
    assert "lower the largest budget to " in result.output


def test_the_room_for_prompts_is_what_the_run_s_own_closing_leaves(tmp_path, file):
    rows = [json.dumps({"question": " ".join([word] * 150), "answer": "2"}) for word in ("12", "34")]
    closing = " ".join(["12"] * 200)
    problems = ["data.n=null", file("\n".join(rows)), "trainer.budgets=[6, 300]", f"trainer.closing={closing}"]
    result = brpo(tmp_path / "out", "--max-steps", 1, overrides=problems)
    refused(result, "trainer.budgets: beside 300 thinking tokens and an answer, a context of 1024 has room for")


def test_a_run_writes_model_metrics_and_checkpoints_that_another_run_does_not_touch(tmp_path):
    result = brpo(tmp_path, "--max-steps", 2)
    assert result.exit_code == 0, result.output
    assert "step 2/2  reward" in result.output
    assert "saved to" in result.output
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert {"anytime_reward", "reward/6", "reward/12", "seconds", "tokens_per_second"} <= lines[0].keys()
    assert (tmp_path / "model.safetensors").is_file()
    assert not (tmp_path / "checkpoints" / "README.md").exists()
    refused(brpo(tmp_path, "--max-steps", 2), "go on with --resume, or give another --out")
    refused(brpo(tmp_path, "--max-steps", 2, "--resume"), "the run is at its last step, 2; its model is in")
    checkpoint = tmp_path / "checkpoints" / "checkpoint-2"
    random = (checkpoint / "rng_state.pth").read_bytes()
    (checkpoint / "rng_state.pth").unlink()
    checkpoints.seal(checkpoint)
    refused(brpo(tmp_path, "--resume"), "checkpoint-2 holds weights alone (trainer.save_only_model), and 1 can't go on")
    for process in range(2):
        (checkpoint / f"rng_state_{process}.pth").write_bytes(random)
    checkpoints.seal(checkpoint)
    refused(brpo(tmp_path, "--resume"), "checkpoint-2 was written by 2 processes, and 1 can't go on")


def test_a_run_on_reasoning_gym_is_judged_by_its_scorer(tmp_path):
    pytest.importorskip("reasoning_gym", reason="needs the extra gym: pip install 'anytime-reasoning[gym]'")
    data = "data={reasoning_gym: chain_sum, n: 20, config: {max_terms: 2}}"
    whole = ["data.n=null", "data.families=null", "data.count=null", "reward.workers=1"]
    result = brpo(tmp_path, "--max-steps", 1, overrides=[*whole, data])
    assert result.exit_code == 0, result.output
    assert "on 20 problems of reasoning_gym's chain_sum" in result.output
    (metrics,) = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert metrics["verifier/verified"] > 0
    assert metrics["verifier/failed"] == 0


def test_a_run_has_one_judge_for_what_it_trains_and_evaluates_on(tmp_path):
    pytest.importorskip("reasoning_gym", reason="needs the extra gym: pip install 'anytime-reasoning[gym]'")
    result = brpo(tmp_path, overrides=["trainer.eval_strategy=steps", "evaluation_data={reasoning_gym: ab, n: 8}"])
    refused(result, "evaluation_data: with trainer.eval_strategy, it must be of the same reasoning_gym data set")


def test_what_is_about_to_happen_is_said_first(tmp_path):
    first = brpo(tmp_path, overrides=["reward.verifier=perfect"]).output.splitlines()[0]
    assert first.startswith("BRPO, recipe tiny: anytime-tiny on 40 problems of largest, smallest, ")


def test_a_run_evaluates_on_its_evaluation_data_while_it_goes_on(tmp_path):
    held_out = "evaluation_data={families: {sums: 1}, count: [2, 3], n: 2, seed: 9}"
    settings = ["trainer.eval_strategy=steps", "trainer.eval_steps=1", "trainer.per_device_eval_batch_size=8"]
    result = brpo(tmp_path / "out", "--max-steps", 1, overrides=[held_out, *settings])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    (evaluated,) = [line for line in lines if "eval_anytime_reward" in line]
    assert {"eval_reward/6", "eval_reward/12", "eval_loss"} <= evaluated.keys()
    assert "eval 1/1  reward" in result.output
