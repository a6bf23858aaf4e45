"""Every family: what it samples can be read back, and every way of thinking leads to a verified answer."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_training.problems import tasks
from anytime_training.problems.tasks.base import CUE

FAMILY = st.sampled_from(sorted(tasks.FAMILIES))
INSIDE = st.sampled_from([family.name for family in tasks.INSIDE])
SEED = st.integers(0, 2**32)


@given(FAMILY, SEED)
def test_a_trace_leads_to_its_verified_answer(family, seed):
    rng = Random(seed)
    problem = tasks.sample(rng, family, (2, 8))
    findings = [piece.finding for piece in problem.think(rng) if piece.finding is not None]
    for complete in (True, False):
        assert tasks.verify(problem, findings[-1].full(complete))
    assert tasks.verify(problem, findings[-1].short())
    assert tasks.verify(problem, problem.guess().short())


@given(INSIDE, SEED)
def test_a_sampled_prompt_reads_back_as_the_same_problem(family, seed):
    problem = tasks.sample(Random(seed), family, (2, 8))
    read = tasks.parse(problem.prompt)
    assert (read.family, read.answers) == (problem.family, problem.answers)


@given(SEED)
def test_an_outside_prompt_is_read_by_no_other_family(seed):
    problem = tasks.sample(Random(seed), "outside", (2, 8))
    assert problem.prompt
    assert tasks.parse(problem.prompt).family == "outside"


@given(SEED)
def test_the_best_so_far_never_gets_worse(seed):
    rng = Random(seed)
    problem = tasks.sample(rng, "largest", (2, 8))
    values = [int(piece.finding.value) for piece in problem.think(rng) if piece.finding is not None]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("line", "family", "answer"),
    [
        ("largest of 37+48, 9*8, 91-16", "largest", "85"),
        ("Which is the biggest: 3, 14 and 9?", "largest", "14"),
        ("max of 12 x 12; 99 + 99", "largest", "198"),
        ("smallest of 37+48, 9*8, 91-16", "smallest", "72"),
        ("tell me the lowest of 5*5, 30-4", "smallest", "25"),
        ("closest to 50: 37+48, 9*8, 91-16", "closest", "72"),
        ("which is nearest to 80: 9*8, 91-16", "closest", "75"),
        ("12+7+25+9", "sums", "53"),
        ("what is 40 - 12 + 3?", "sums", "31"),
        ("sum of 12, 7 and 25", "sums", "44"),
        ("9*8", "sums", "72"),
        ("largest of 12/3, 4+5", "outside", "none"),
        ("largest of 37+48", "largest", "85"),
        ("largest of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13", "outside", "none"),
        ("3-9", "outside", "none"),
        ("123*45", "outside", "none"),
        ("hello", "outside", "none"),
        ("", "outside", "none"),
        ("1+", "outside", "none"),
        ("closest to 500: 1, 2", "outside", "none"),
    ],
)
def test_lines_that_users_type(line, family, answer):
    problem = tasks.parse(line)
    assert (problem.family, problem.answers[0]) == (family, answer)


def test_tied_candidates_are_both_accepted():
    problem = tasks.parse("closest to 50: 48, 52")
    assert problem.answers == ("48", "52")


@pytest.mark.parametrize(
    ("text", "value"),
    [(f"\n9*8 = 72 is the largest.{CUE} 72", "72"), (" 72", "72"), ("72\n", "72"), ("Answer: 1\nAnswer: 2", "2")],
)
def test_value_of_full_and_short_answers(text, value):
    assert tasks.value_of(text) == value
