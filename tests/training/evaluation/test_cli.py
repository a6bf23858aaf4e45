"""`anytime eval`: wrong options end at once with what to fix; a small run writes all files."""

import csv
import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from anytime_training.evaluation.answers import read_answers
from anytime_training.evaluation.cli import evaluate
from anytime_training.evaluation.options import Asked, questions_of, runs_of
from tiny_models import save_tiny_model

EMBEDDED = "anytime-tiny"


def run(*arguments):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--families", "sums,maximal"], "maximal: unknown; known: largest"),
        (["--budgets", "12,many"], "must be numbers"),
        (["--budgets", "12,-4"], "must be numbers"),
        (["--budgets", "0,24,12"], "must increase"),
        (["--budgets", "0,1000"], "beyond the context"),
        (["--samples", 3, "--temperature", 0], "--samples 3 at temperature 0 are all the same"),
        (["--trunks", 3, "--temperature", 0], "--trunks 3 at temperature 0 are all the same"),
        (["--trunks", 3, "--budgets", "0"], "--trunks 3 need something to think with"),
        (["--trunks", 3], "--trunks 3: only a server counts votes"),
        (["--engine", "warp"], "--engine warp: unknown; known: transformers, vllm"),
        (["--engine-arg", "dtype=half"], "--engine-arg goes with --engine vllm"),
        (["--engine", "vllm", "--engine-arg", "dtype"], "--engine-arg takes KEY=VALUE, not 'dtype'"),
        (["--model", "x=anytime-tiny", "--model", "x=other"], "two runs are called 'x'"),
        (["--model", "./no/such/folder"], "no such folder"),
        (["--model", "http://127.0.0.1:9"], "no server at"),
        (["--data", "missing.jsonl"], "missing.jsonl is no file"),
        (["--data", "missing.jsonl", "--families", "sums"], "not both"),
        (["--instruction", "Be brief."], "--instruction goes with --data"),
        (["--verifier", "math"], "--verifier goes with --data or --dataset"),
        (["--dataset", "openai/gsm8k", "--families", "sums"], "not both"),
        (["--dataset", "openai/gsm8k", "--data", "missing.jsonl"], "missing.jsonl is no file; leave it out to load"),
        (["--dataset", "some/thing", "--data", "missing.jsonl"], "some/thing: its layout is not known"),
        (["--split", "test"], "--split goes with --dataset"),
        (["--split", "test", "--dataset", "openai/gsm8k", "--data", "a.jsonl"], "without --data: a file has none"),
        (["--verifier", "oracle", "--data", "missing.jsonl"], "unknown verifier 'oracle'"),
    ],
)
def test_errors_name_the_remedy(tmp_path, arguments, message):
    result = run("--model", EMBEDDED, "--out", tmp_path, "-n", 2, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_verifier_that_can_not_be_imported_is_told_in_a_line(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def score(answer, accepted)\n    return 1")
    result = run("--model", EMBEDDED, "--out", tmp_path, "--data", "missing.jsonl", "--verifier", f"{bad}:score")
    assert result.exit_code == 2
    (told,) = (line for line in result.output.splitlines() if str(bad) in line)
    assert told.startswith("error: ")
    assert told.endswith(f"SyntaxError: expected ':' ({bad}, line 1)")
    assert "Traceback" not in result.output


def test_options_of_the_engine_are_read_as_those_of_the_server():
    options = ["tensor-parallel-size=2", "dtype=half"]
    [source] = runs_of([EMBEDDED], "vllm", options, concurrency=4).values()
    assert source.options == {"tensor_parallel_size": 2, "dtype": "half"}


def test_a_folder_without_a_model_and_an_empty_file_are_errors(tmp_path):
    assert "holds no model" in run("--model", tmp_path, "--out", tmp_path).output
    (tmp_path / "empty.jsonl").touch()
    result = run("--model", EMBEDDED, "--data", tmp_path / "empty.jsonl", "--out", tmp_path)
    assert (result.exit_code, "is empty" in result.output) == (2, True)
    (tmp_path / "rows.txt").write_text("1+1?")
    result = run("--model", EMBEDDED, "--data", tmp_path / "rows.txt", "--out", tmp_path)
    assert (result.exit_code, "the ending must be one of" in result.output) == (2, True)


def test_a_small_run_compares_two_models(tmp_path):
    other = save_tiny_model(tmp_path / "random", "qwen3")
    options = ["-n", 4, "--families", "sums", "--budgets", "0,12,36", "--temperature", 0.6, "--out", tmp_path / "out"]
    result = run("--model", f"tiny={EMBEDDED}", "--model", other, *options)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert result.stderr.startswith("tiny, random: 4 problems (sums)")
    assert "tiny: 4 of 4 rollouts after" in result.stderr
    last = json.loads(result.stdout.splitlines()[-1])
    assert last == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [curve["run"] for curve in last["curves"]] == ["tiny", "random"]
    assert last["devices"].keys() == {"tiny", "random"}
    rows = list(csv.DictReader((tmp_path / "out" / "curves.csv").read_text().splitlines()))
    assert len(rows) == 6
    tiny, random = (float(row["accuracy"]) for row in rows if row["budget"] == "36")
    assert tiny > random
    assert [answers.conditions.model for answers in read_answers(tmp_path / "out").values()] == [EMBEDDED, "random"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "answers.jsonl",
        "curves.csv",
        "curves.png",
        "lengths.csv",
        "lengths.png",
        "summary.json",
    }


def test_the_command_imports_nothing_heavy():
    heavy = "{'torch', 'trl', 'transformers', 'datasets', 'matplotlib'}"
    script = f"import sys, anytime_training.evaluation.cli; print({heavy} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{reasoning_gym: countdown, confg: {}}", "error: --data.confg: "),
        ("{reasoning_gym: countdown, count: [2, 4]}", "count: not a key of a source with reasoning_gym"),
        ("{reasoning_gym: [", "is not valid YAML"),
        ("{file: missing.jsonl}", "missing.jsonl can't be loaded"),
        ("{file: missing.jsonl, max_prompt_tokens: 512}", "--data.max_prompt_tokens: an evaluation asks whatever fits"),
    ],
)
def test_a_source_that_makes_no_sense_is_named(tmp_path, data, message):
    result = run("--model", EMBEDDED, "--out", tmp_path, "--data", data)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


ROWS = {
    "openai/gsm8k": {"question": "How many?", "answer": "There are 5 + 7 = <<5+7=12>>12.\n#### 1,012"},
    "HuggingFaceH4/MATH-500": {"problem": "How many?", "solution": "... \\boxed{7}", "answer": "1012"},
    "HuggingFaceH4/aime_2024": {"id": 1, "problem": "How many?", "solution": "so 7", "answer": "1012", "year": "2024"},
    "math-ai/aime25": {"problem": "How many?", "answer": "1012", "id": "0"},
    "DigitalLearningGmbH/MATH-lighteval": {"problem": "How many?", "solution": "7, so $\\boxed{1{,}012}$."},
}
"""A row of each data set, in its own layout."""


@pytest.mark.parametrize("dataset", ROWS)
def test_a_known_data_set_is_read_from_a_local_copy(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr("anytime_training.rewards.answer.BOUNDED", {"math"})  # so that no process starts for it
    file, said = tmp_path / "copy.jsonl", []
    file.write_text(json.dumps(ROWS[dataset]))
    (asked,) = questions_of(Asked(dataset=dataset, data=str(file)), said.append)
    assert asked.prompts == ("How many?",)
    assert asked.judge([0, 0], ["The answer is 1012.", "The answer is 7."]) == [1.0, 0.0]
    assert said == [f"loading {file}, as {dataset}"]


def test_a_data_set_is_evaluated_on_its_own_split_for_that(monkeypatch):
    loaded = []
    monkeypatch.setattr("anytime_training.evaluation.questions.from_source", lambda *given: loaded.append(given))
    for split, dataset in ((None, "openai/gsm8k"), ("train", "openai/gsm8k"), (None, "HuggingFaceH4/aime_2024")):
        questions_of(Asked(dataset=dataset, split=split), lambda text: None)
    questions_of(Asked(dataset="some/thing"), lambda text: None)
    assert [source.split for source, *_ in loaded] == ["test", "train", "train", "test"]
    assert [verifier for _, verifier, *_ in loaded] == ["math", "math", "math", "exact"]
    said = []
    questions_of(Asked(data="{dataset: openai/gsm8k}"), said.append)
    assert said == ["loading openai/gsm8k, split train"], "that is what a run trains on"


def test_json_alone_is_one_line(tmp_path):
    options = ["-n", 2, "--families", "sums", "--budgets", "0,6", "--out", tmp_path, "--full-answer-tokens", 0]
    result = run("--model", EMBEDDED, *options, "--json")
    assert result.exit_code == 0, result.output
    (curve,) = json.loads(result.stdout)["curves"]
    assert curve["leaked"] is None


def test_reasoning_gym_judges_its_own_problems(tmp_path):
    pytest.importorskip("reasoning_gym", reason="needs the extra gym: pip install 'anytime-reasoning[gym]'")
    common = ["--model", EMBEDDED, "--out", tmp_path, "--budgets", "6", "-n", 1]
    assert "did you mean countdown" in run(*common, "--data", "reasoning_gym:cuntdown").output
    refused = run(*common, "--data", "reasoning_gym:countdown", "--verifier", "math")
    assert (refused.exit_code, "by its own scorers" in refused.output) == (2, True)
    result = run(*common, "--data", "reasoning_gym:chain_sum")
    assert result.exit_code == 0, result.output
    (curve,) = json.loads(result.stdout.splitlines()[-1])["curves"]
    assert (curve["family"], curve["n_problems"]) == ("chain_sum", 1)


def test_problems_of_an_evaluation_are_no_neighbours_of_a_training_seed():
    from anytime_training.evaluation.options import source_of

    assert source_of("reasoning_gym:countdown", 9, 1).seed > 10**6
    assert source_of("reasoning_gym:countdown", 9, 1) != source_of("reasoning_gym:countdown", 9, 2)
    assert source_of("{reasoning_gym: countdown, seed: 5, n: 3}", 9, 1).seed == 5
