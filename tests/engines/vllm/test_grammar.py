"""Which printed grammars produce a text, and which texts a vocabulary spells."""

import pytest

from anytime_server.engines.vllm.grammar import UnreadableGrammar, produces
from anytime_server.engines.vllm.spelling import Spelling

LETTERS = frozenset("ab")
BYTES = tuple(bytes([byte]) for byte in range(256))


@pytest.mark.parametrize(
    ("printed", "alphabet", "produced"),
    [
        ('root ::= (("a"))', None, True),
        ('root ::= ("")', None, True),
        ("root ::= ((root))", None, False),
        ('root ::= (("a" root))', None, False),
        ('root ::= ((root "a") | ("b"))', None, True),
        ("root ::= ((x))\nx ::= ((y) | (y y))\ny ::= ((x))", None, False),
        ("root ::= ((x{0, -1}))\nx ::= ((x))", None, True),
        ("root ::= ((x{1, 3}))\nx ::= ((x))", None, False),
        ("root ::= ((x)) (=(y))\nx ::= ([a]*)\ny ::= ((y))", None, True),
        (r"root ::= (([^\0-\U0010ffff]))", None, False),
        (r"root ::= (([^\0-\x1f]))", None, True),
        ('root ::= (("c"))', LETTERS, False),
        (r'root ::= (("\x61\u0062"))', LETTERS, True),
        (r'root ::= (("\"" "a"))', LETTERS, False),
        ('root ::= (("c") | ("b"))', LETTERS, True),
        ("root ::= (([c-z]))", LETTERS, False),
        ("root ::= (([^ab]))", LETTERS, False),
        ("root ::= (([^a]))", LETTERS, True),
        (r"root ::= (([\]\-a]))", LETTERS, True),
        ("root ::= (([c-z]*))", LETTERS, True),
    ],
)
def test_a_grammar_produces_a_text_or_none(printed, alphabet, produced):
    assert produces(printed + "\n", alphabet) is produced


@pytest.mark.parametrize("printed", ["root = x", "root ::= <x>", "root ::= ((x))) (y)"])
def test_what_is_printed_otherwise_is_not_judged(printed):
    with pytest.raises(UnreadableGrammar):
        produces(printed, None)


@pytest.mark.parametrize(
    ("vocabulary", "text", "spelled"),
    [
        (BYTES, "é日", True),
        ((b"a", b"b"), "abba", True),
        ((b"a", b"b"), "abc", False),
        ((b"a", b"ab"), "ab", False),
        ((b"a", b"ab", b"b"), "ab", True),
        (("é".encode(), b"a"), "aé", True),
        ((b"a",), "é", False),
        ((b"a", b"<x>"), "a<x>", False),
    ],
)
def test_a_text_is_spelled_if_no_beginning_of_it_is_a_dead_end(vocabulary, text, spelled):
    assert Spelling(vocabulary, control=[b"<x>"]).spells(text) is spelled


def test_the_alphabet_is_all_where_tokens_are_bytes():
    assert Spelling(BYTES).alphabet is None
    assert Spelling((b"ab", "é".encode(), b"")).alphabet == {"a", "b", "é"}
