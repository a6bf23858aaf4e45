"""Rollouts as stopping rules see them, what the rules save, and the calibration that is made of them."""

import json
from dataclasses import replace
from queue import Queue
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from anytime_server.calibration_file import read_calibration
from anytime_server.controller import CalibrationError, InterimVerdict, StoppingRule
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.agreement import agreement
from anytime_training.evaluation.answers import NAME, Answers, read_answers, write_answers
from anytime_training.evaluation.calibrate_cli import calibrate as command
from anytime_training.evaluation.calibrating import calibrate, tracks_of, try_splits
from anytime_training.evaluation.courses import Course, course_of
from anytime_training.evaluation.progress import Progress, telling
from anytime_training.evaluation.saving import TOLERANCE, savings
from anytime_training.evaluation.source import Reply, Rollout, Settings
from anytime_training.evaluation.tables import table
from fakes import MARKERS

SETTINGS = Settings((10, 20, 30, 40), temperature=0.0)
CONDITIONS = SETTINGS.conditions("m", MARKERS)


def rollout(values, length=40, confidences=None):
    confidences = confidences or [0.5] * len(values)
    return Rollout(length, length < 40, tuple(Reply(f" {v}", 2, c) for v, c in zip(values, confidences, strict=True)))


def course(values, right, length=40, **options):
    return course_of("sums", 0, rollout(values, length, **options), [v == right for v in values], SETTINGS.budgets)


def drawn(n, seed=1):
    """Problems whose answers settle at some checkpoint, mostly for good; some are never right."""
    rng = Random(seed)
    courses = []
    for problem in range(n):
        settles, solvable = rng.choice([0, 1, 1, 2]), rng.random() < 0.9
        values = [rng.randint(100, 999) for _ in range(4)]
        values[settles:] = [7 if solvable else 8] * (4 - settles)
        if rng.random() < 0.03:  # it stood for two checkpoints, and was wrong
            values[:2] = [5, 5]
            values[2:] = [7, 7]
        found = course(values, 7, confidences=[0.3 + 0.6 * rng.random() for _ in values])
        courses.append(replace(found, problem=problem))
    return courses


def test_a_course_has_the_checkpoints_that_the_thinking_reached():
    one = course([5, 7, 7, 7], 7, length=25)
    assert [verdict.at for verdict in one.verdicts] == [10, 20]
    assert [verdict.stable_for for verdict in one.verdicts] == [1, 1]
    assert (one.right, one.right_at_the_end, one.length) == ((False, True), True, 25)


def test_answers_that_are_equal_as_mathematics_stand_as_they_do_at_a_server():
    roots = rollout([r"\sqrt{8}", r"2\sqrt{2}", r"\sqrt{9}", "3"])
    one = course_of("sums", 0, roots, [0, 0, 1, 1], SETTINGS.budgets, agreement([roots]))
    assert [verdict.stable_for for verdict in one.verdicts] == [1, 2, 1]
    assert one.settled == 30


def test_without_mathematics_to_compare_nothing_is_started(monkeypatch):
    monkeypatch.setattr("anytime_training.evaluation.agreement.WorkerPool", None)
    assert agreement([rollout([5, 7, "Paris", "paris"])])("Paris", "paris")


def test_answers_that_are_written_otherwise_stand_on_and_empty_ones_never_do():
    one = course(["1,000", "1000", "", ""], 7)
    assert [verdict.stable_for for verdict in one.verdicts] == [1, 2, 1]


@pytest.mark.parametrize(
    ("values", "length", "settled"),
    [([7, 7, 7, 7], 40, 10), ([7, 5, 7, 7], 40, 30), ([5, 5, 5, 7], 40, 40), ([7, 5, 7, 7], 25, 25), ([7] * 4, 5, 5)],
)
def test_an_answer_settles_where_it_is_the_final_one_for_good(values, length, settled):
    assert course(values, 7, length).settled == settled


def test_a_rule_stops_a_course_where_a_server_would():
    one = course([5, 5, 7, 7], 7, confidences=[0.2, 0.4, 0.9, 0.9])
    assert one.stopped_by(StoppingRule(stable=2)) == (20, False)
    assert one.stopped_by(StoppingRule(confidence=0.9)) == (30, True)
    assert one.stopped_by(StoppingRule()) == (40, True)


def test_each_rule_saves_what_it_can_at_equal_accuracy():
    found = {one.rule: one for one in savings(drawn(800), CONDITIONS)}
    assert found.keys() == {"stable", "confidence", "risk", "give_up"}
    assert found["stable"].saved > 0.1
    assert found["confidence"].saved < 0.05  # it says nothing here, so any threshold loses too much
    assert all(one.change >= -2 * TOLERANCE for one in found.values())
    assert found["risk"].saved > 0.1
    assert savings(drawn(6), CONDITIONS) == []


def test_where_any_setting_loses_too_much_none_is_taken():
    sure_and_wrong = [replace(course([1, 2, 3, 7], 7, confidences=[1.0] * 4), problem=problem) for problem in range(20)]
    (confidence,) = [one for one in savings(sure_and_wrong, CONDITIONS) if one.rule == "confidence"]
    assert (confidence.setting, confidence.saved, confidence.change) == ("never", 0, 0)


def test_an_error_rate_is_left_out_where_the_problems_are_too_few_for_it():
    assert {one.rule for one in savings(drawn(60), CONDITIONS)} == {"stable", "confidence"}


def test_a_calibration_keeps_its_rates_on_problems_that_it_has_not_seen():
    tracks = tracks_of(drawn(800))
    for one in try_splits(tracks, CONDITIONS, [0.05, 0.1], 40, delta=0.05):
        assert one.kept >= 0.9
        assert one.wrong <= one.rate
    risk = next(one for one in try_splits(tracks, CONDITIONS, [0.05], 40, delta=0.05) if one.side == "risk")
    assert risk.saved > 0.15
    assert risk.saved_of_budget == pytest.approx(risk.saved)  # all of these think to the budget


def voted(n):
    """Problems whose trunks all seem sure from the start; the first that is done is right, as is the end."""
    rng, courses = Random(1), []
    for problem in range(n):
        settles = rng.choice([0, 1, 2])
        replies = [Reply("7" if at >= settles else "5", 2, 0.9, 0.9, int(at >= settles)) for at in range(4)]
        rights = [reply.text == "7" for reply in replies]
        courses.append(course_of("sums", problem, Rollout(40, False, tuple(replies)), rights, SETTINGS.budgets))
    return courses


def test_votes_are_calibrated_by_what_tells_when_they_are_right():
    settings = replace(SETTINGS, temperature=1.0, trunks=4)
    conditions = settings.conditions("m", MARKERS)
    assert (conditions.trunks, conditions.budget, conditions.checkpoints) == (4, 160, (10, 20, 30))
    tracks = tracks_of(voted(400))
    assert calibrate(tracks, conditions, "sums", 0.05).risk.signal == "done"
    (risk, _) = try_splits(tracks, conditions, [0.05], 20, delta=0.05)
    assert (risk.kept, risk.wrong) == (1.0, 0.0)
    assert risk.saved == risk.saved_of_budget > 0.4, "of the share of a trunk"
    assert "consensus" in {one.rule for one in savings(voted(400), conditions)}


def test_rollouts_of_one_problem_count_once():
    courses = drawn(50)
    assert len(tracks_of([*courses, *courses])) == 50


def test_a_calibration_needs_problems_and_checkpoints():
    with pytest.raises(EvaluationError, match="3 problems are too few"):
        calibrate(tracks_of(drawn(3)), CONDITIONS, "sums", 0.05)
    with pytest.raises(EvaluationError, match="several --budgets"):
        calibrate(tracks_of(drawn(30)), replace(CONDITIONS, checkpoints=()), "sums", 0.05)


def test_halves_that_are_too_small_vouch_for_nothing():
    tried = try_splits(tracks_of(drawn(9)), CONDITIONS, [0.1], 20, delta=0.05)
    assert [one.kept for one in tried] == [None, None]


def test_a_model_that_never_thinks_saves_nothing():
    rollout = Rollout(0, True, (Reply("7", 2),) * len(SETTINGS.budgets))
    rights = [True] * len(SETTINGS.budgets)
    courses = [course_of("sums", problem, rollout, rights, SETTINGS.budgets) for problem in range(100)]
    assert {one.saved for one in try_splits(tracks_of(courses), CONDITIONS, [0.5], 3, delta=0.05)} == {0.0}
    assert {one.saved for one in savings(courses, CONDITIONS)} == {0.0}


@pytest.fixture
def folder(tmp_path):
    write_answers([Answers("m", CONDITIONS, "sums", tuple(drawn(300)))], tmp_path / NAME)
    return tmp_path


def run(*arguments):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_answers_come_back_as_they_were_written(folder):
    read = read_answers(folder)["m"]
    assert read == Answers("m", CONDITIONS, "sums", tuple(drawn(300)))
    assert isinstance(read.courses[0], Course)
    assert isinstance(read.courses[0].verdicts[0], InterimVerdict)


def test_the_command_writes_a_file_that_a_server_reads_and_says_how_it_fares(folder):
    out = folder / "calibration.json"
    result = run(folder, "--out", out, "--splits", 20, "--rates", "0.001,0.1")
    assert result.exit_code == 0, result.output
    calibration = read_calibration(out)
    assert (calibration.conditions, calibration.problems, calibration.data) == (CONDITIONS, 240, "sums")
    assert calibration.rule(0.1, 0.1).sure is not None
    assert "| risk:0.001    | too few problems |" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    said = json.loads(run(folder, "--out", out, "--splits", 5, "--rates", "0.1", "--json").stdout)
    assert [one["side"] for one in said["tried"]] == ["risk", "give_up"]
    assert said["splits"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rates", "5"], "must be shares between 0 and 1"),
        (["--run", "other"], "--run other: there is none of that name; there are m"),
        (["--out", "/no/such/folder/c.json"], "can't be written"),
    ],
)
def test_wrong_options_are_refused_with_the_remedy(folder, arguments, message):
    result = run(folder, "--out", folder / "c.json", "--splits", 0, *arguments)
    assert (result.exit_code, message in result.output) == (2, True)


def test_what_is_no_evaluation_is_refused(tmp_path):
    assert "give the --out folder of anytime eval" in run(tmp_path).output
    (tmp_path / NAME).write_text('{"a": 1}\n')
    assert "holds no answers" in run(tmp_path).output
    with pytest.raises(CalibrationError, match="can't be read"):
        read_calibration(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CalibrationError, match=r"broken\.json: "):
        read_calibration(tmp_path / "broken.json")


def test_of_several_runs_one_has_to_be_named(folder):
    one = Answers("a", CONDITIONS, "sums", tuple(drawn(20)))
    write_answers([one, replace(one, run="b")], folder / NAME)
    assert "several runs; choose one with --run: a, b" in run(folder).output
    assert run(folder, "--run", "b", "--out", folder / "c.json", "--splits", 0).exit_code == 0


def test_wide_tables_go_on_below():
    text = table(["name", *(f"column {n}" for n in range(9))], [["row", *(str(n) * 6 for n in range(9))]])
    assert max(map(len, text.splitlines())) <= 80
    assert [line.split(" ")[1] for line in text.splitlines() if line.startswith("| row")] == ["row", "row"]
    assert all(f"column {n}" in text for n in range(9))


@pytest.mark.parametrize("columns", range(1, 30))
def test_no_table_is_left_with_a_lone_column(columns):
    text = table(["name", *["column"] * columns], [["row", *["1" * 8] * columns]])
    counts = [part.splitlines()[0].count("column") for part in text.split("\n\n")]
    assert sum(counts) == columns
    assert len(counts) == -(-columns // 6), "six fit beside the name"
    assert min(counts) > 1 or columns == 1


def test_progress_is_told_from_the_first_moment_to_the_last():
    said, times = [], iter([0.0, 8.0])
    with telling(Progress("m", 10), said.append, lambda: next(times)) as progress:
        assert said == ["m: 0 of 10 rollouts after 0 s"]
        progress(4)
        assert progress.told(8.0) == "m: 4 of 10 rollouts after 8 s, 12 s left"
        progress(6)
    assert said[-1] == "m: 10 of 10 rollouts after 8 s"


def test_what_follows_the_last_rollout_is_told(monkeypatch):
    monkeypatch.setattr("anytime_training.evaluation.progress.EVERY_S", 0.01)
    said = Queue()
    with telling(Progress("m", 1), said.put, lambda: 3.0) as progress:
        progress(1)
        while (line := said.get(timeout=30)) != "m: 1 of 1 rollouts after 0 s, comparing the answers":
            assert line in ("m: 0 of 1 rollouts after 0 s", "m: 1 of 1 rollouts after 0 s")
