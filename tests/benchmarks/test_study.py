"""The study's report, of made-up runs."""

import json
from random import Random

import pytest

from anytime_training.problems.tasks.countdown import CountdownProblem
from anytime_training.problems.tasks.expressions import Expression
from anytime_training.problems.tasks.largest import LARGEST
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.manner import manner
from study_parts.outcomes import from_hex, to_hex
from study_parts.problems import SEARCH_SEED, TASKS, TEST_SEED, fresh
from study_parts.report import report
from study_parts.runs import Results, accuracy_of, best_learning_rates
from study_parts.selection_manner import manner_of
from study_parts.verdicts import verdicts

TASK = TASKS["selection"]
PROBLEMS = 40
PROBLEM = SelectionProblem(
    "largest of 37+48, 9*8, 50", (Expression(37, "+", 48), Expression(9, "*", 8), Expression(50)), LARGEST.rule
)


def run(arm, seed, rate, level):
    """A run that gets the first `level` of all problems right, at every budget."""
    right = to_hex([place < level * PROBLEMS for place in range(PROBLEMS)])
    family = {
        "problems": PROBLEMS,
        "right": {str(at): right for at in TASK.measured_at},
        "length": 50.0,
        "none": {str(at): 0.25 for at in TASK.measured_at},
        "differ": {str(at): 0.5 for at in TASK.measured_at},
        "manner": manner_of(PROBLEM, "37+48=85 best 85\n", 9),
        "samples": [("largest of 1, 2", "1 best 1\n")] * 2,
    }
    families = {name: family for name in (*TASK.families, *TASK.others)}
    variances = {f"variance/{k}/{b}": 0.5 for k in ("none", "v1", "v2", "brpo") for b in TASK.budgets}
    return {
        "task": "selection", "arm": arm, "seed": seed, "learning_rate": rate, "planned_steps": 1, "steps": 1,
        "warm_up": "ab", "train_seconds": 30, "train_cpu_seconds": 20, "peak_rss_mb": 900, "measure_seconds": 1,
        "log": [{"anytime_reward": level, **variances}], "measured": {"1.0": families, "0.6": families},
    }  # fmt: skip


def store(work, name, document):
    (work / name).mkdir()
    (work / name / "run.json").write_text(json.dumps(document))


@pytest.fixture
def work(tmp_path):
    for arm in ("grpo", "brpo-linear"):
        for rate, level in ((5e-5, 0.6), (1e-4, 0.75), (2e-4, 0.7)):
            store(tmp_path, f"search-{arm}-{rate:g}", run(arm, 100, rate, level))
    for seed in range(3):
        store(tmp_path, f"grpo-{seed}", run("grpo", seed, 1e-4, 0.5 + 0.05 * seed))
        store(tmp_path, f"brpo-linear-{seed}", run("brpo-linear", seed, 1e-4, 0.9))
    store(tmp_path, "warm-up", run("warm-up", 0, 0.0, 0.4))
    return tmp_path


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def row(text, name, title):
    """The cells of the first row of this name after a title."""
    line = next(line for line in text[text.index(title) :].splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_the_best_learning_rate_is_taken_where_the_search_has_ended(work):
    assert best_learning_rates(work) == {"grpo": 1e-4, "brpo-linear": 1e-4}
    store(work, "search-grpo-a4-0.0001", run("grpo-a4", 100, 1e-4, 0.7))
    assert "grpo-a4" not in best_learning_rates(work)


def test_the_report_states_accuracies_gaps_and_their_errors(work, results, capsys):
    """By hand: GRPO's means over seeds are 20 * 1, 2 * 2/3, 2 * 1/3 and 16 * 0 in both families, variance .2311, so the
    error of the mean is sqrt(2 * .2311 / 40) / 2. Gaps are 24 * 0, 2 * 1/3, 2 * 2/3, 12 * 1: variance .2105 gives
    .0513, which joins .05 / sqrt(3) of the seeds.
    """
    report(work, results, ["report"])
    text = (results / "brpo-study.txt").read_text()
    assert row(text, "grpo", "Accuracy")[0] == "0.550 ± 0.054"
    assert row(text, "brpo-linear − grpo", "Gap in points")[0] == "+35.0 ± 5.9"  # noqa: RUF001
    assert row(text, "grpo", "Standard deviation over seeds")[0] == "5.0"
    assert row(text, "grpo", "What came from answers")[0] == "25 / 50"
    assert row(text, "grpo", "What training took") == ["3", "0.0001", "1", "20", "30", "20.00", "900"]
    assert row(text, "grpo", "Learning rates")[1] == "0.750 *"
    assert (results / "brpo-study.png").stat().st_size > 10_000
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["benchmark"] == "brpo_study"
    assert len(json.loads((results / "brpo-study.json").read_text())["runs"]) == 7


def test_the_report_says_whether_what_is_wanted_holds(work):
    first = verdicts(Results.read(work).by_arm, TASK)
    assert "below two thirds at least +35.0 ± 5.9 (at 12): yes; at 100 +35.0 ± 5.9: yes" in first
    assert first.endswith("brpo-linear above every GRPO arm that was run: yes")


@pytest.mark.parametrize(("level", "seeds", "said"), [(0.9, 3, "yes"), (0.625, 3, "no"), (0.9, 2, "no")])
def test_a_small_gap_or_few_seeds_do_not_hold(tmp_path, level, seeds, said):
    for seed in range(seeds):
        store(tmp_path, f"grpo-{seed}", run("grpo", seed, 1e-4, 0.55))
        store(tmp_path, f"brpo-uniform-{seed}", run("brpo-uniform", seed, 1e-4, level))
    store(tmp_path, "warm-up", run("warm-up", 0, 0.0, 0.4))
    first = verdicts(Results.read(tmp_path).by_arm, TASK)
    assert first.endswith(f"brpo-uniform above every GRPO arm that was run: {said}")


def test_runs_of_an_earlier_report_count_unless_they_were_done_again(work, tmp_path):
    """Every table of the second report is rebuilt from the JSON of the first and the new runs alone."""
    first, again, second = (tmp_path / name for name in ("first", "again", "second"))
    for folder in (first, again, second):
        folder.mkdir()
    report(work, first, ["report"])
    report(again, second, ["report"], earlier=first / "brpo-study.json")
    assert (second / "brpo-study.txt").read_text() == (first / "brpo-study.txt").read_text()
    store(again, "grpo-2", run("grpo", 2, 1e-4, 0.7))
    store(again, "grpo-3", run("grpo", 3, 1e-4, 0.65))
    found = Results.read(again, second / "brpo-study.json")
    seeds = [(one["seed"], accuracy_of(one, "1.0", "largest", 25)) for one in found.by_arm["grpo"]]
    assert seeds == [(0, 0.5), (1, 0.55), (2, 0.7), (3, 0.65)]
    assert len(found.search) == 6


def test_a_report_of_other_budgets_is_refused(work, tmp_path):
    report(work, tmp_path, ["report"])
    path = tmp_path / "brpo-study.json"
    document = json.loads(path.read_text())
    for measured in document["runs"][0]["measured"].values():
        for family in measured.values():
            family["right"]["15"] = family["right"].pop("12")
    path.write_text(json.dumps(document))
    with pytest.raises(SystemExit, match=r"brpo-study\.json is of another study"):
        Results.read(work, path)


def test_a_report_of_another_study_is_refused(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps({"search": [], "runs": [{"arm": "grpo", "seed": 0}]}))
    with pytest.raises(SystemExit, match=r"old\.json is of another study"):
        Results.read(tmp_path, tmp_path / "old.json")


def test_a_report_needs_the_warm_up(tmp_path, results):
    with pytest.raises(SystemExit, match="holds no measured warm-up"):
        report(tmp_path, results, ["report"])


@pytest.mark.parametrize(("bits", "text"), [([1, 0, 1, 1, 1], "b8"), ([0, 0, 0, 1], "1"), ([1] * 9, "ff8"), ([], "")])
def test_which_problems_were_right_is_kept_as_hex(bits, text):
    assert to_hex(bits) == text
    assert from_hex(text, len(bits)) == bits


def test_no_problem_of_a_search_is_one_of_the_test():
    searched, tested = (
        {problem.prompt for family in TASK.families for problem in fresh(TASK, family, seed, 300)}
        for seed in (SEARCH_SEED, TEST_SEED)
    )
    assert not searched & tested


def test_the_first_problems_are_the_same_however_many_are_drawn():
    assert fresh(TASK, "largest", TEST_SEED, 3) == fresh(TASK, "largest", TEST_SEED, 5)[:3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("37+48=85 first, best 85\n9*8=72 smaller, best 85\n", {"best_first": 1.0, "considered": 2 / 3}),
        ("9*8=72 best 72\n37+48=85 best 85\n", {"best_first": 0.0, "best_of_the_rest": 0.0, "considered": 2 / 3}),
        ("37+48=85 best 85\n", {"best_first": 1.0, "best_of_the_rest": 1.0, "considered": 1 / 3}),
        ("hmm\n50 best 50\ncheck 9*8=72\n", {"filler_lines": 1 / 3, "recheck_lines": 1 / 3, "best_first": 0.0}),
        ("first 50\n50\nbest is 50\nnow 37+48\n37+48 is 85\n", {"verbose_lines": 2 / 5, "place_of_best": 2 / 3}),
    ],
)
def test_the_manner_of_thinking_is_read_off_its_lines(text, expected):
    found = manner_of(PROBLEM, text, 12)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_traces_as_the_tasks_write_them_are_read():
    problem = LARGEST.sample(Random(3), (5, 5))
    text = "".join(piece.text for piece in problem.think(Random(3)))
    assert manner_of(problem, text, 60)["considered"] == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3*7+8=29\n(7+8)*3=15*3=45 done\n", {"right_first": 0.0, "finds": 1.0, "trials": 2, "wrong_values": 0.0}),
        ("(7+8)*3=45 done\n", {"right_first": 1.0, "tokens_per_trial": 24}),
        ("now 3*7+8 is 45 done\n", {"wrong_values": 1.0, "stops_wrongly": 1.0, "finds": 0.0}),
        ("3*7+8=29\n3*7+8=21+8=29\n", {"repeated": 0.5, "stops_wrongly": 0.0}),
        ("hmm\n", {}),
    ],
)
def test_the_manner_of_countdown_is_read_off_its_trials(text, expected):
    problem = CountdownProblem("make 45 from 3, 7, 8", (3, 7, 8), 45)
    found = manner([problem], [text], [24])
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert bool(found) == bool(expected)


def test_trials_as_the_task_writes_them_are_read():
    problem = fresh(TASKS["countdown"], "countdown", TEST_SEED, 1)[0]
    text = "".join(piece.text for piece in problem.think(Random(3)))
    found = manner([problem], [text], [60])
    assert found["finds"] == 1.0
    assert found["wrong_values"] == found["stops_wrongly"] == 0.0
