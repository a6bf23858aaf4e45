"""The bounds of budgets under load, on answers of which the best budgets are known."""

import pytest

from anytime_server.controller import InterimVerdict
from anytime_training.evaluation.courses import Course
from load_bounds import ANSWER, bounds

BUDGETS = (10, 20)


def course(family: str, problem: int, right: tuple[bool, ...], length: int = 20) -> Course:
    verdicts = tuple(InterimVerdict(confidence=None, stable_for=1, at=at) for at in BUDGETS if at <= length)
    return Course(family, problem, length, verdicts, right, right[-1], length)


def gains(courses: list[Course], load: float) -> list[float]:
    return [row.series.median for row in bounds(courses, BUDGETS, load)]


def test_families_gain_what_their_own_budgets_save():
    # The quick ones are right at once, the slow ones at the end: both fit, if the quick ones are cut.
    courses = [course("quick", number, (True, True)) for number in range(10)]
    courses += [course("slow", number, (False, True)) for number in range(10)]
    full, cut = 20 + ANSWER, 10 + ANSWER
    single, family, length, each = gains(courses, load=2 * full / (full + cut))
    fits = (full + cut) / (2 * full)
    assert single == pytest.approx(fits)
    assert family == length == each == pytest.approx(1 / fits)


def test_only_its_answers_tell_one_question_from_another_of_its_kind():
    courses = [course("all", number, (number % 2 == 0, True)) for number in range(10)]
    full, cut = 20 + ANSWER, 10 + ANSWER
    _, family, length, each = gains(courses, load=2 * full / (full + cut))
    assert family == length == pytest.approx(1, abs=0.01)
    assert each > 1.1


def test_what_ends_by_itself_takes_no_more():
    courses = [course("short", number, (True,), length=10) for number in range(4)]
    assert gains(courses, load=1.0) == pytest.approx([1, 1, 1, 1])
