"""The progress in plain lines: one trunk as it thinks, several in lines of one trunk each."""

import io

from anytime_client import Snapshot, ThinkingDelta
from anytime_client.cli.narration import Narration
from anytime_client.cli.views import View


def told(*deltas, thinking=True):
    """Return what is told of (trunk, text) after (trunk, text)."""
    out = io.StringIO()
    with Narration(View(), out, show_thinking=thinking) as narration:
        for number, (trunk, text) in enumerate(deltas):
            event = ThinkingDelta(sequence_number=number + 1, delta=text, spent=number, trunk=trunk)
            narration.show(event, Snapshot())
    return out.getvalue()


def test_one_trunk_is_told_as_it_thinks():
    assert told((None, "7*6"), (None, "=42\nso"), (None, " far")) == "7*6=42\nso far\n"


def test_several_trunks_are_told_in_lines_of_one_each():
    text = told((0, "7*6"), (1, "6*7 is\n"), (0, "=42"), (1, "\n42"), (0, "\nso\n"), (1, ", then"))
    assert text == "trunk 1: 6*7 is\ntrunk 0: 7*6=42\ntrunk 0: so\ntrunk 1: 42, then\n"


def test_a_long_paragraph_is_broken_between_words():
    lines = told((2, "word " * 50), (0, "x" * 150)).splitlines()
    assert [len(line) <= 110 for line in lines] == [True] * len(lines)
    assert " ".join(line.removeprefix("trunk 2: ") for line in lines if "word" in line) == ("word " * 50).strip()
    assert lines[2].startswith("trunk 0: xxx")


def test_thinking_that_nobody_wants_is_not_told():
    assert told((0, "a\n"), (None, "b"), thinking=False) == ""
