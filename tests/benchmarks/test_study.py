import json
from random import Random

import pytest

from anytime_training.problems.tasks.expressions import Expression
from anytime_training.problems.tasks.largest import LARGEST
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.arms import ARMS, BUDGETS
from study_parts.report import OTHERS, report
from study_parts.runs import SCORED, Results, best_learning_rates
from study_parts.thinking import BUDGETS as MEASURED_AT
from study_parts.thinking import _manner_of

PROBLEM = SelectionProblem(
    "largest of 37+48, 9*8, 50", (Expression(37, "+", 48), Expression(9, "*", 8), Expression(50)), LARGEST.rule
)


def run(arm, seed, rate, level):
    accuracy = {str(at): level for at in MEASURED_AT}
    manner = _manner_of(PROBLEM, "37+48=85 best 85\n", 9)
    family = {
        "accuracy": accuracy,
        "length": 50.0,
        "manner": manner,
        "samples": [("largest of 1, 2", "1 best 1\n")] * 2,
    }
    families = {name: family for name in (*SCORED, *OTHERS)}
    log = [
        {"anytime_reward": level, **{f"variance/{k}/{b}": 0.5 for k in ("none", "v1", "v2", "brpo") for b in BUDGETS}}
    ]
    return {
        "arm": arm, "seed": seed, "learning_rate": rate, "steps": 1, "train_seconds": 1, "measure_seconds": 1,
        "log": log, "measured": {"1.0": families, "0.6": families},
    }  # fmt: skip


def store(work, name, document):
    (work / name).mkdir()
    (work / name / "run.json").write_text(json.dumps(document))


@pytest.fixture
def work(tmp_path):
    for arm in ("grpo", "brpo-linear"):
        for rate, level in ((1e-4, 0.70), (2e-4, 0.705), (4e-4, 0.6)):
            store(tmp_path, f"search-{arm}-{rate:g}", run(arm, 0, rate, level))
    for seed in range(3):
        store(tmp_path, f"grpo-{seed}", run("grpo", seed, 1e-4, 0.5 + 0.01 * seed))
        store(tmp_path, f"brpo-linear-{seed}", run("brpo-linear", seed, 1e-4, 0.7))
    store(tmp_path, "warm-up", run("warm-up", 0, 0.0, 0.4))
    return tmp_path


def test_the_smallest_learning_rate_near_the_best_is_taken(work):
    assert best_learning_rates(work) == {"grpo": 1e-4, "brpo-linear": 1e-4}


def test_the_report_states_the_gap_between_arms_and_the_seeds_spread(work, tmp_path, capsys):
    results = tmp_path / "results"
    results.mkdir()
    report(work, results, ["report"])
    text = (results / "brpo-study.txt").read_text()
    assert "| grpo | 0.510 ± 0.010 |" in text
    assert "+19.0 (1.0)" in text
    assert (results / "brpo-study.png").stat().st_size > 10_000
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["benchmark"] == "brpo_study"
    assert len(json.loads((results / "brpo-study.json").read_text())["runs"]) == 7


def test_runs_of_an_earlier_report_count_unless_they_were_done_again(work, tmp_path):
    """Every table of the second report is rebuilt from the JSON of the first and the new runs alone."""
    first, again, second = (tmp_path / name for name in ("first", "again", "second"))
    for folder in (first, again, second):
        folder.mkdir()
    report(work, first, ["report"])
    report(again, second, ["report"], earlier=first / "brpo-study.json")
    assert (second / "brpo-study.txt").read_text() == (first / "brpo-study.txt").read_text()
    store(again, "grpo-2", run("grpo", 2, 1e-4, 0.55))
    store(again, "grpo-3", run("grpo", 3, 1e-4, 0.53))
    found = Results.read(again, second / "brpo-study.json")
    assert [(one["seed"], one["measured"]["1.0"]["largest"]["accuracy"]["24"]) for one in found.by_arm["grpo"]] == [
        (0, 0.5), (1, 0.51), (2, 0.55), (3, 0.53)
    ]  # fmt: skip
    assert len(found.search) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("37+48=85 first, best 85\n9*8=72 smaller, best 85\n", {"best_first": 1.0, "considered": 2 / 3}),
        ("hmm\n50 best 50\ncheck 9*8=72\n", {"filler_lines": 1 / 3, "recheck_lines": 1 / 3, "best_first": 0.0}),
        ("first 50\n50\nbest is 50\nnow 37+48\n37+48 is 85\n", {"verbose_lines": 2 / 5, "place_of_best": 2 / 3}),
    ],
)
def test_the_manner_of_thinking_is_read_off_its_lines(text, expected):
    manner = _manner_of(PROBLEM, text, 12)
    assert {name: manner[name] for name in expected} == pytest.approx(expected)


def test_traces_as_the_tasks_write_them_are_read():
    problem = LARGEST.sample(Random(3), (5, 5))
    text = "".join(piece.text for piece in problem.think(Random(3)))
    assert _manner_of(problem, text, 60)["considered"] == 1.0


def test_grpo_takes_the_learning_rate_of_its_own_search():
    assert {arm.search for name, arm in ARMS.items() if name.startswith("grpo")} == {"grpo"}
