"""Every family: what it samples can be read back, and every way of thinking leads to a verified answer."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_training.problems import tasks
from anytime_training.problems.tasks.base import CUE, Kind
from anytime_training.problems.tasks.expressions import parse_expression
from anytime_training.problems.tasks.style import Style

FAMILY = st.sampled_from(sorted(tasks.FAMILIES))
INSIDE = st.sampled_from([family.name for family in tasks.INSIDE])
SEED = st.integers(0, 2**32)
SELECTION = st.sampled_from(["largest", "smallest", "closest"])
VERBOSITY = st.sampled_from([{"terse": 1}, {"normal": 1}, {"verbose": 1}])
QUIET = {
    "terse": 0,
    "normal": 0,
    "verbose": 0,
    "fillers": 0,
    "rechecks": 0,
    "concludes": 0,
    "listed": 1,
    "promising": 0,
}
NOTE = re.compile(r"(?<=best )((?:is now |is |stays )?)([\d+*-]+)=(\d+)")
"""A best so far with its expression."""


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


def told(problem, seed, style):
    """The pieces of a way of thinking, and its text."""
    pieces = list(problem.think(Random(seed), style))
    return pieces, "".join(piece.text for piece in pieces)


@given(FAMILY, SEED, VERBOSITY)
def test_a_named_trace_is_the_same_with_expressions_added(family, seed, verbosity):
    problem = tasks.sample(Random(seed), family, (2, 8))
    style = {"concludes": 0.5, **verbosity}
    _, plain = told(problem, seed, Style(**style))
    _, named = told(problem, seed, Style(**style, named=True))
    assert NOTE.sub(r"\1\3", named) == plain
    assert not NOTE.search(plain)


@given(SELECTION, SEED, VERBOSITY)
def test_every_best_so_far_of_a_named_trace_is_an_equation_of_a_candidate(family, seed, verbosity):
    problem = tasks.sample(Random(seed), family, (2, 8))
    _, text = told(problem, seed, Style(**{**QUIET, "concludes": 1, **verbosity}, named=True))
    equations = {candidate.equation for candidate in problem.candidates}
    notes = re.findall(r"best (?:is now |is |stays )?(\S+)", text)
    assert len(notes) >= len(problem.candidates)
    assert set(notes) <= equations


@given(SELECTION, SEED, VERBOSITY)
def test_the_sentence_of_a_named_trace_is_in_its_last_note(family, seed, verbosity):
    problem = tasks.sample(Random(seed), family, (2, 8))
    pieces, text = told(problem, seed, Style(**{**QUIET, **verbosity}, named=True))
    found = [piece.finding for piece in pieces if piece.finding][-1]
    said = found.done.removesuffix(".").rpartition(" is ")[2]
    note = text.splitlines()[-1].rpartition("best ")[2]
    assert said in note.split()
    expression, _, value = said.partition("=")
    assert parse_expression(expression).value == int(value or expression) == int(found.value)
    assert found.partial.endswith(f" so far is {said}.")
    assert found.short() == f" {found.value}"


@pytest.mark.parametrize(
    ("verbosity", "text"),
    [
        (
            "terse",
            "37+48=85 off 35 best 37+48=85 off 35\n9*8=72 off 22 best 9*8=72 off 22\n99 off 49 best 9*8=72 off 22\n",
        ),
        (
            "normal",
            "37+48=85 off 35 first, best 37+48=85 off 35\n9*8=72 off 22 closer, best 9*8=72 off 22\n"
            "99 off 49 farther, best 9*8=72 off 22\n",
        ),
        (
            "verbose",
            "first 37+48\n37+48 is 85 off 35\nbest is 37+48=85 off 35\n"
            "now 9*8\n9*8 is 72 off 22\n72 off 22 is closer than 85 off 35, best is now 9*8=72 off 22\n"
            "now 99\n99 off 49\n99 off 49 is farther than 72 off 22, best stays 9*8=72 off 22\n",
        ),
    ],
)
def test_how_a_named_trace_is_told(verbosity, text):
    problem = tasks.parse("closest to 50: 37+48, 9*8, 99")
    pieces, written = told(problem, 3, Style(**{**QUIET, verbosity: 1}, named=True))
    assert written == text
    noted = [piece for piece in pieces if "=72" in piece.text and "best" not in piece.text and "9*8" in piece.text]
    assert [piece.kind for piece in noted] == [Kind.DECISION] * 2
