"""Patterns mean what they mean to Python's `re`, in linear time, wherever the text is cut."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_server.controller import PatternError, compile_pattern
from anytime_server.controller.patterns.machine import MOST_REMEMBERED

ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a\\n]", "[a-c_]", r"\d", r"\w", "é", r"\.", "{", r"\x62"])
PLACES = st.sampled_from([r"\b", r"\B", "^", r"(?:\b\b)*"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])


def repeated(parts):
    return st.tuples(parts, REPEATS).map(lambda pair: f"(?:{pair[0]}){pair[1]}")


PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(PLACES, inner).map("".join),
        st.tuples(inner, PLACES).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        repeated(inner),
    ),
    max_leaves=8,
)
FLAGS = st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?im)"])
TEXTS = st.text(alphabet="abcABC1 é.{\n_", max_size=30)


def finds(pattern, text):
    return compile_pattern(pattern).search().feed(text)


@settings(max_examples=400)
@given(FLAGS, PATTERNS, TEXTS)
def test_a_pattern_means_what_it_means_to_python(flags, pattern, text):
    try:
        compile_pattern(flags + pattern)
    except PatternError:
        return  # too large, or it matches nothing at all
    expression = re.compile(flags + pattern)
    # What the last character decides may wait for the next one.
    assert not finds(flags + pattern, text) or expression.search(text)
    if "s" not in flags:
        assert finds(flags + pattern, f"{text}\n") or not expression.search(text)


@given(PATTERNS, TEXTS, st.data())
def test_where_it_is_found_does_not_depend_on_how_the_text_arrives(pattern, text, data):
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return
    whole, pieces = compiled.search(), compiled.search()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        pieces.feed(text[begin:end])
    assert whole.feed(text) == pieces.found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"(?i)\bfinal answer\b", "so the Final Answer is", True),
        (r"\bWait\b", "Wait", False),
        (r"\bWait\b", "Waiting", False),
        (r"\bWait\b", "Wait,", True),
        (r"(?m)^Answer: \d+$", "x\nAnswer: 42", False),
        (r"(?m)^Answer: \d+$", "x\nAnswer: 42\n", True),
        (r"^a", "ba", False),
        (r"\Aab", "ab", True),
        ("[]x]", "]", True),
        ("[a-]", "-", True),
        ("ba{,2}c", "bc", True),
        ("a{,b", "a{,b", True),
        ("日本", "は日本", True),
        ("(?i)É", "é", True),
        ("(?s)a.b", "a\nb", True),
        ("a.b", "a\nb", False),
        (r"[\w-]+@", "x-y@", True),
        (r"[^\W\d]", "1", False),
        (r"[\b]", "\b", True),
        (r"(?:\b\b)*x", "x", True),
        (r"(?:\B\b)*x", "ax", True),
        (r"a(?:\b\B)+x", "ax", False),
    ],
)
def test_patterns_by_example(pattern, text, found):
    assert finds(pattern, text) is found


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "not closed"),
        (")", "closes no group"),
        ("[a", "not closed"),
        ("[z-a]", "ends below its beginning"),
        (r"[a-\d]", "ends below its beginning"),
        ("*a", "nothing stands before"),
        ("a**", "second repetition"),
        ("a*+", "second repetition"),
        ("a{3,2}", "ends below"),
        ("a{1000}", "more than 999"),
        ("a{99999999999}", "more than 999"),
        ("((((a{50}){50}){50}){50})", "repeat less often"),
        ("a" * 257, "more than 256"),
        ("(" * 30 + "a" + ")" * 30, "nested deeper"),
        (r"(a)\1", "back references"),
        ("(?=a)", r"begin with \(\?"),
        ("(?<=a)b", r"begin with \(\?"),
        ("a(?i)b", r"begin with \(\?"),
        (r"a\Z", "nor ends of the text"),
        (r"\xg1", "means nothing"),
        (r"\u12", "means nothing"),
        ("a$", r"\(\?m\)"),
        ("a\\", "lone"),
        ("a*", "where nothing is written"),
        ("^", "where nothing is written"),
        ("(?m)$", "where nothing is written"),
        ("a|", "where nothing is written"),
        (r"(?:\b|a)?", "where nothing is written"),
    ],
)
def test_other_patterns_are_refused_and_it_is_said_why(pattern, why):
    with pytest.raises(PatternError, match=why):
        compile_pattern(pattern)


def test_what_stalls_a_backtracking_engine_takes_its_text_once():
    assert not finds(r"(a+)+b", "a" * 20_000)
    assert not finds(r"(a|aa|aaa)*c", "a" * 20_000)


def test_what_is_remembered_of_texts_is_bounded():
    pattern, noise = compile_pattern(r"(?:a|b)*a(?:a|b){14}c"), random.Random(1)
    search = pattern.search()
    for _ in range(3 * MOST_REMEMBERED):
        search.feed(noise.choice("ab"))
        assert pattern.machine.remembered <= MOST_REMEMBERED
    assert not search.found
    assert search.feed("a" + "b" * 14 + "c")


def test_searches_of_one_pattern_share_what_they_learn_and_nothing_else():
    first, second = [compile_pattern("abc").search() for _ in range(2)]
    assert not first.feed("xab")
    learned = compile_pattern("abc").machine.remembered
    assert not second.feed("xab")
    assert compile_pattern("abc").machine.remembered == learned
    assert first.feed("c")
    assert not second.feed("d")
