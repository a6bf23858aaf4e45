"""Statistics, files and pictures of an evaluation."""

import csv
import json
import re
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_training.errors import DataError, VerifierError
from anytime_training.evaluation import plot, report, statistics
from anytime_training.evaluation.answers import Answers
from anytime_training.evaluation.measured import Measured
from anytime_training.evaluation.measured import measure_run as measured_of
from anytime_training.evaluation.questions import from_file, synthetic
from anytime_training.evaluation.saving import Saving
from anytime_training.evaluation.source import Reply, Rollout, Settings, unheard
from anytime_training.evaluation.statistics import Estimate
from fakes import MARKERS

shares = st.integers(0, 10_000).map(lambda right: right / 10_000)
"""Of answers that are right."""

families = st.lists(st.lists(shares, min_size=1, max_size=20), min_size=1, max_size=4)


class Oracle:
    """Answers by a rule: right from its budget on, thinking 5 tokens longer with each sample."""

    device = "none"

    def __init__(self, questions, right_from=12):
        self.answers = {prompt: answer for prompt, answer in questions}
        self.right_from = right_from

    def check(self, prompts, settings):
        assert prompts

    def conditions(self, settings):
        return settings.conditions("oracle", MARKERS)

    def rollouts(self, prompts, settings, done=unheard):
        done(len(prompts) * settings.samples)
        return [[self._rollout(prompt, sample, settings) for sample in range(settings.samples)] for prompt in prompts]

    def _rollout(self, prompt, sample, settings):
        replies = tuple(
            Reply(self.answers[prompt] if budget >= self.right_from else "?", 16 if budget == 0 else 2)
            for budget in settings.budgets
        )
        return Rollout(10 + 5 * sample, True, replies)


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "capitals.jsonl"
    rows = [{"prompt": f"capital {index}?", "answer": [f"City {index}", f"Town {index}"]} for index in range(6)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return from_file(path)


@pytest.fixture
def curves(questions):
    settings = Settings((0, 12, 24), samples=2)
    oracle = Oracle([(prompt, f" town {index}. ") for index, prompt in enumerate(questions.prompts)])
    late = Oracle(oracle.answers.items(), right_from=24)
    other = [questions, synthetic("sums", 4, seed=1)]
    oracle.answers.update(dict.fromkeys(other[1].prompts, "no number"))
    late.answers.update(oracle.answers)
    return [*measured_of("early", oracle, other, settings).curves, *measured_of("late", late, other, settings).curves]


def test_wilson_interval_against_published_values():
    # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for right, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        estimate = statistics.wilson(right / n, n)
        assert (estimate.low, estimate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_one_sample_of_one_family_is_wilsons_interval():
    values = [1.0] * 15 + [0.0] * 133
    estimate, wilson = statistics.accuracy([values], samples=1), statistics.wilson(15 / 148, 148)
    assert estimate.low == pytest.approx(wilson.low)
    assert estimate.high == pytest.approx(wilson.high)


def test_samples_that_agree_within_a_problem_count_once():
    values = [1.0, 0.0, 1.0, 1.0] * 10
    assert statistics.accuracy([values], samples=8).low == pytest.approx(statistics.accuracy([values], samples=1).low)


def test_problems_that_are_all_wrong_are_as_many_as_there_are():
    """Of 30 problems, all wrong in 16 samples each, nobody knows that less than 1 % of others are right."""
    assert statistics.accuracy([[0.0] * 30], samples=16) == statistics.wilson(0.0, 30)
    assert statistics.accuracy([[1.0] * 30], samples=16).low == pytest.approx(0.886, abs=1e-3)


@given(families, st.integers(1, 8))
def test_intervals_lie_in_the_unit_range_and_contain_their_mean(values, samples):
    mean = fmean(map(fmean, values))
    for estimate in (statistics.accuracy(values, samples), statistics.area(values)):
        assert estimate.mean == pytest.approx(mean)
        assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1 + 1e-12


@pytest.mark.parametrize("samples", [1, 4])
def test_the_interval_covers_the_truth_95_times_in_100(samples):
    rng, covered, runs = Random(5), 0, 1000
    for _ in range(runs):
        chances = [rng.betavariate(2, 1) for _ in range(60)]
        values = [fmean(rng.random() < chance for _ in range(samples)) for chance in chances]
        estimate = statistics.accuracy([values], samples)
        covered += estimate.low <= 2 / 3 <= estimate.high
    assert 0.93 <= covered / runs <= 0.97


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12, unique=True).map(sorted), shares)
def test_the_area_under_a_constant_curve_is_the_constant(budgets, value):
    assert statistics.area_under(budgets, [value] * len(budgets)) == pytest.approx(value)


def test_the_area_weighs_values_by_the_distance_of_their_budgets():
    assert statistics.area_under([0, 10, 40], [0.0, 1.0, 1.0]) == pytest.approx(35 / 40)


def test_a_confidence_is_calibrated_that_is_the_share_of_right_answers():
    sure, right = [0.85] * 20, [1.0] * 17 + [0.0] * 3
    assert statistics.calibration_error(sure, right) == pytest.approx(0)
    assert statistics.calibration_error([1.0] * 4 + [0.05] * 4, [1, 0, 1, 0, 0, 0, 0, 0]) == pytest.approx(0.275)
    assert statistics.calibration_error([1.0, 0.0], [0, 1]) == 1  # neighbours' errors of other bins do not cancel


def test_the_anytime_index_is_the_area_under_the_best_so_far_of_what_is_reached():
    assert statistics.anytime_index([0, 10, 20], [0.0, 0.5, 0.5]) == pytest.approx(0.75)
    assert statistics.anytime_index([0, 10, 20], [0.8, 0.1, 0.4]) == 1  # a dip is no loss of what was known
    assert statistics.anytime_index([0, 10, 20], [0.0, 0.0, 0.0]) == 0
    assert statistics.anytime_index([5], [0.3]) == pytest.approx(1)


@given(st.lists(st.tuples(st.integers(1, 99), shares), min_size=2, max_size=9))
def test_the_anytime_index_lies_in_the_unit_range_whatever_the_scale_of_the_accuracy(steps):
    budgets = [sum(step for step, _ in steps[:count]) for count in range(1, len(steps) + 1)]
    index = statistics.anytime_index(budgets, [value for _, value in steps])
    assert 0 <= index <= 1 + 1e-9
    assert statistics.anytime_index(budgets, [value / 2 for _, value in steps]) == pytest.approx(index)


def test_the_areas_error_is_that_of_the_problems_areas():
    estimate = statistics.area([[0.2, 0.4, 0.6]])
    assert estimate.mean == pytest.approx(0.4)
    assert estimate.high - estimate.mean == pytest.approx(1.96 * (0.04 / 3) ** 0.5, rel=1e-4)
    assert statistics.area([[0.4]]) == Estimate(0.4, 0.0, 1.0)


def test_curves_are_measured_by_family_and_as_their_mean(curves):
    assert [(curve.run, curve.family) for curve in curves[:3]] == [
        ("early", "capitals"),
        ("early", "sums"),
        ("early", "mean"),
    ]
    capitals, sums, mean = curves[:3]
    assert [point.accuracy.mean for point in capitals.points] == [0, 1, 1]
    assert [point.accuracy.mean for point in sums.points] == [0, 0, 0]
    assert [point.accuracy.mean for point in mean.points] == [0, 0.5, 0.5]
    assert capitals.area.mean == pytest.approx(0.75)
    assert curves[3].area.mean == pytest.approx(0.25)
    assert [point.capped for point in capitals.points] == [1, 0, 0]
    assert [point.answer_tokens for point in capitals.points] == [16, 2, 2]
    assert capitals.mean_length == 12.5
    assert (mean.n_problems, mean.samples, len(mean.lengths)) == (10, 2, 20)


def test_the_csv_files_hold_the_curves(curves, tmp_path):
    report.write_curves(curves, tmp_path / "curves.csv")
    report.write_lengths(curves, tmp_path / "lengths.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    read = [
        (row["run"], row["family"], int(row["budget"]), float(row["accuracy"]), float(row["ci_low"])) for row in rows
    ]
    written = [(c.run, c.family, p.budget, p.accuracy.mean, p.accuracy.low) for c in curves for p in c.points]
    assert read == written
    lengths = list(csv.DictReader((tmp_path / "lengths.csv").read_text().splitlines()))
    assert lengths[0] == {"run": "early", "family": "capitals", "length": "10", "ended": "1", "rollouts": "6"}


def test_the_pictures_are_drawn(curves, tmp_path):
    for name, draw in [("curves.png", plot.draw_curves), ("lengths.png", plot.draw_lengths)]:
        draw(curves, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 10_000


def test_the_table_and_the_summary_name_every_curve(curves):
    answers = Answers("early", Settings((0, 12, 24)).conditions("m", MARKERS), "capitals", ())
    measured = Measured("early", tuple(curves[:3]), answers, (Saving("stable", "stable:2", 9.0, 0.25, -0.01),))
    text = report.tables(measured)
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"\| budget \| +capitals \| +sums \| +mean \|", text)
    assert re.search(r"\| 12 +\| +100.0±", text)
    assert re.search(r"\| capitals \| +75.0±", text)
    assert re.search(r"\| family +\| +area \| +index \| +settles \| +length \| +ends \|", text)
    assert re.search(r"\| family +\| +ece \| +leaks \| +reply \| +caps \|", text)
    assert re.search(r"\| stable \| +stable:2 \| +9 \| +25 % \| +-1.0 \|", text)
    line = report.summary([measured], ["anytime", "eval"], {"budgets": [0, 12, 24]}, {"early": "cpu"})
    assert "\n" not in line
    said = json.loads(line)
    assert (said["curves"][0]["area"][0], said["curves"][0]["anytime_index"]) == (0.75, 0.75)
    assert 0 < said["curves"][0]["calibration_error"] < 1
    assert said["savings"]["early"][0]["setting"] == "stable:2"


def test_synthetic_problems_depend_on_the_seed_alone():
    assert synthetic("sums", 5, seed=3).prompts == synthetic("sums", 9, seed=3).prompts[:5]
    assert synthetic("sums", 5, seed=3).prompts != synthetic("sums", 5, seed=4).prompts


def test_a_files_problems_are_drawn_by_the_seed(questions, tmp_path):
    some = from_file(tmp_path / "capitals.jsonl", n=3, seed=2)
    assert len(some.prompts) == 3
    assert set(some.prompts) < set(questions.prompts)
    assert some.judge([0], [some.prompts[0].replace("capital", "CITY").rstrip("?")]) == [1.0]


def test_what_is_left_out_of_an_evaluation_is_said(questions, tmp_path):
    path, said = tmp_path / "capitals.jsonl", []
    path.write_text(f"{path.read_text()}\n" * 2)
    assert from_file(path, say=said.append).prompts == questions.prompts
    assert said == [f"6 problems of {path} (left out: 6 duplicates)"]


def test_an_instruction_ends_every_prompt_of_a_file(questions, tmp_path):
    asked = from_file(tmp_path / "capitals.jsonl", instruction="Name the city.")
    assert asked.prompts == tuple(f"{prompt}\n\nName the city." for prompt in questions.prompts)
    assert asked.judge([1], ["town 1"]) == [1.0]


def test_a_verifier_of_a_file_sees_the_prompt(questions, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def score(answer, accepted, prompt):\n    return answer == prompt[-1]['content']\n"
    )
    asked = from_file(tmp_path / "capitals.jsonl", f"{tmp_path}/mine.py:score")
    assert asked.judge([0, 1], [asked.prompts[0], "?"]) == [1.0, 0.0]


def test_a_verifier_that_always_fails_is_named_before_anything_is_asked(questions, tmp_path):
    (tmp_path / "bad.py").write_text("def score(answer, accepted):\n    return unit\n")
    with pytest.raises(VerifierError, match=r"failed on every one of 4 answers.*name 'unit' is not defined"):
        from_file(tmp_path / "capitals.jsonl", f"{tmp_path}/bad.py:score")


def test_answers_that_could_not_be_verified_are_counted(questions, tmp_path):
    said = []
    (tmp_path / "strict.py").write_text("def score(answer, accepted):\n    return 1 / (answer != '?')\n")
    asked = from_file(tmp_path / "capitals.jsonl", f"{tmp_path}/strict.py:score", say=said.append)
    assert said == []
    assert asked.judge([0, 1, 1], ["?", "City 1", "?"]) == [0.0, 1.0, 0.0]
    assert said == ["2 answers could not be verified, and count as wrong: 2 failed"]


def test_a_file_without_answers_is_an_error_that_names_the_column(tmp_path):
    (tmp_path / "data.jsonl").write_text('{"prompt": "1+1?", "solved": "2"}\n')
    with pytest.raises(DataError, match="no column 'answer' or 'solution'"):
        from_file(tmp_path / "data.jsonl")


def test_messages_reach_the_model_and_single_ones_stay_a_text(tmp_path):
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "12+7?"}
    rows = [
        {"prompt": [system, user], "reward_model": {"ground_truth": "19"}},
        {"prompt": [{"role": "user", "content": "1+1?"}], "reward_model": {"ground_truth": "2"}},
    ]
    path = tmp_path / "verl.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    asked = from_file(path, instruction="In digits.")
    assert asked.prompts == ([system, {**user, "content": "12+7?\n\nIn digits."}], "1+1?\n\nIn digits.")
    assert asked.judge([0, 1], ["The answer is 19.", "3"]) == [1.0, 0.0]
