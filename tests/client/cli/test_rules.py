import pytest
import typer

from anytime_client import CheckpointRule, StopWhen
from anytime_client.cli.rules import parse_checkpoints, parse_stop_when


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("250,500", [250, 500]),
        ("40", [40]),
        ("none", []),
        ("every:250", CheckpointRule(every=250)),
        ("count:4", CheckpointRule(count=4)),
        ("geometric:1.5", CheckpointRule(geometric=1.5)),
    ],
)
def test_checkpoints_are_a_list_or_a_rule(text, meaning):
    assert parse_checkpoints(text) == meaning


@pytest.mark.parametrize("text", ["", "x", "every", "every:", "every:0", "every:1.5", "often:3", "1,,2", "geometric:1"])
def test_other_checkpoints_are_refused_with_the_forms(text):
    with pytest.raises(typer.BadParameter, match=r"every:250 \| count:4 \| geometric:2") as refusal:
        parse_checkpoints(text)
    assert refusal.value.param_hint == "--checkpoints"


def test_stopping_rules_can_be_combined():
    assert parse_stop_when("stable:3") == StopWhen(stable=3)
    assert parse_stop_when("none") is None
    assert parse_stop_when("confidence:0.9") == StopWhen(confidence=0.9)
    assert parse_stop_when("stable:2,confidence:0.5") == StopWhen(stable=2, confidence=0.5)
    assert parse_stop_when("consensus:0.75") == StopWhen(consensus=0.75)
    assert parse_stop_when("loop") == StopWhen(loop=True)
    assert parse_stop_when("stable:2, loop") == StopWhen(stable=2, loop=True)


def test_a_pattern_is_all_that_follows_its_name():
    assert parse_stop_when("match:a, b:c") == StopWhen(match="a, b:c")
    assert parse_stop_when("stable:2, match:a,b") == StopWhen(stable=2, match="a,b")
    assert parse_stop_when("loop,match: so,match:x") == StopWhen(loop=True, match=" so,match:x")


@pytest.mark.parametrize(
    "text", ["", "stable", "stable:1", "stable:x", "confidence:2", "sure:1", "loop:1", "loop,loop", "match:", "match"]
)
def test_other_stopping_rules_are_refused_with_the_forms(text):
    with pytest.raises(typer.BadParameter, match="stable:3"):
        parse_stop_when(text)
