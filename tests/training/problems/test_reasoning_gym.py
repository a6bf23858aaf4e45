"""Problems of reasoning_gym: drawn by name, refused by name, each with the entry that its scorer wants."""

import pytest

from anytime_training import gym
from anytime_training.errors import DataError
from anytime_training.problems import DataSource, load

NEEDS_IT = "needs the extra gym: pip install 'anytime-reasoning[gym]'"
COUNTDOWN = {"reasoning_gym": "countdown", "n": 6, "config": {"min_numbers": 3, "max_numbers": 3}}


@pytest.fixture
def library():
    return pytest.importorskip("reasoning_gym", reason=NEEDS_IT)


def test_problems_are_those_of_the_library_with_their_entries(library):
    problems, report = load(DataSource(**COUNTDOWN, seed=7))
    original = library.create_dataset("countdown", size=6, seed=7, min_numbers=3, max_numbers=3)
    assert report.kept == 6
    assert [row[0]["content"] for row in problems["prompt"]] == [entry["question"] for entry in original]
    assert list(problems["answer"]) == [[entry["answer"]] for entry in original]
    assert [gym.from_json(text) for text in problems["entry"]] == list(original)
    assert set(problems["family"]) == {"countdown"}


def test_a_problem_may_have_no_answer_of_its_own(library):
    problems, _ = load(DataSource(reasoning_gym="graph_color", n=2))
    assert list(problems["answer"]) == [[], []]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reasoning_gym": "count_down"}, "data.reasoning_gym: 'count_down' is unknown; did you mean countdown"),
        ({"reasoning_gym": "zzz"}, "'zzz' is unknown; known: ab, acre, "),
        ({"reasoning_gym": "composite", "config": {}}, "'composite' is unknown"),
        ({"config": {"max_number": 3}}, "data.config: 'max_number' is no key of countdown; did you mean max_numbers"),
        ({"config": {"seed": 3}}, "data.config: 'seed' is no key of countdown"),
        ({"config": {"min_numbers": 9}}, "data.config: countdown refuses {'min_numbers': 9}: max_numbers must be >="),
        ({"config": {"min_numbers": "x"}}, "data.config: countdown refuses {'min_numbers': 'x'}: "),
    ],
)
def test_what_the_library_does_not_know_is_named(library, changes, message):
    with pytest.raises(DataError, match=message):
        load(DataSource(**(COUNTDOWN | changes)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"reasoning_gym": "countdown"}, "n: give the number of problems to draw from reasoning_gym"),
        ({**COUNTDOWN, "count": [2, 4]}, "count: not a key of a source with reasoning_gym"),
        ({**COUNTDOWN, "families": {"sums": 1}}, "exactly one of families, reasoning_gym, file and dataset"),
        ({**COUNTDOWN, "threshold": 0}, "threshold"),
        ({"file": "problems.jsonl", "config": {"a": 1}}, "config: not a key of a source with file"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        DataSource(**values)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"countdown needs reasoning_gym: pip install 'anytime-reasoning\[gym\]'"):
        load(DataSource(**COUNTDOWN))


@pytest.mark.parametrize("entry", [{"a": (1, (2, [3]))}, {1: {"b": None}, (2, 3): "x"}, {"a": [{0: 1}], "b": "é"}])
def test_an_entry_as_text_loses_nothing(entry):
    assert gym.from_json(gym.to_json(entry)) == entry
