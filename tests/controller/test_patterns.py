"""Patterns mean what they mean to Python's `re`, wherever the text is cut."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime_server.controller import PatternError, compile_pattern
from anytime_server.controller.patterns import REACH
from searches import examples

ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a\\n]", "[a-c_]", r"\d", r"\w", "d", r"\.", "{", r"\x62"])
PLACES = st.sampled_from([r"\b", r"\B", "^"])
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
TEXTS = st.text(alphabet="abcdABC1 .{\n_", max_size=30)


def finds(pattern, text):
    return compile_pattern(pattern).search().feed(text)


@settings(max_examples=examples(200))
@given(FLAGS, PATTERNS, TEXTS)
def test_a_pattern_means_what_it_means_to_python(flags, pattern, text):
    try:
        compile_pattern(flags + pattern)
    except PatternError:
        return  # it matches where nothing is written
    expression = re.compile(flags + pattern, re.ASCII)
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
        ("日本", "は日本", True),
        ("(?i)É", "é", True),
        ("(?s)a.b", "a\nb", True),
        ("a.b", "a\nb", False),
    ],
)
def test_patterns_by_example(pattern, text, found):
    assert finds(pattern, text) is found


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", r"missing \)"),
        ("[a", r"missing \]"),
        ("*a", "no argument for repetition"),
        ("((((a{50}){50}){50}){50})", "repetition size"),
        (r"[\p{L}\p{N}]{500}", "too large"),
        ("a" * 257, "more than 256"),
        (r"(a)\1", "escape sequence"),
        ("(?=a)", "operator"),
        ("a*", "where nothing is written"),
        ("^", "where nothing is written"),
        ("a|", "where nothing is written"),
    ],
)
def test_other_patterns_are_refused_and_it_is_said_why(pattern, why):
    with pytest.raises(PatternError, match=why):
        compile_pattern(pattern)


def test_a_long_text_is_searched_in_its_last_bytes_alone():
    near, far = (compile_pattern("a[^b]*b").search() for _ in range(2))
    assert not near.feed("a" + "x" * (REACH - 2))
    assert near.feed("b")
    for _ in range(2):
        assert not far.feed("a" + "x" * (REACH - 1))
    assert not far.feed("b")
    start = compile_pattern("^b").search()
    assert not start.feed("x" * 2 * REACH)
    assert not start.feed("b")


def test_searches_of_one_pattern_share_nothing_of_their_texts():
    first, second = (compile_pattern("abc").search() for _ in range(2))
    assert not first.feed("xab")
    assert first.feed("c")
    assert not second.feed("c")
