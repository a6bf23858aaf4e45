import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from anytime_client import Answer, Budget, CheckpointAnswer, Snapshot
from anytime_client.cli.frame import Clock, Layout, answers_table, final_frame, live_frame
from anytime_client.cli.outcome import Outcome
from anytime_client.protocol import ReasonDocument, Timings, Usage


def interim(at, answer="42", **fields):
    known = {
        "value": answer,
        "confidence": 0.5,
        "votes": 1,
        "samples": 1,
        "stable_for": 1,
        "elapsed_ms": at * 10.0,
        "interim_tokens": 3,
        "computed_tokens": 3,
        "cached_tokens": 0,
    }
    return CheckpointAnswer(at=at, answer=answer, **(known | fields))


def snapshot(**fields):
    known = {"id": "rsn_1", "model": "m", "budget": Budget(requested=200, granted=200, spent=50)}
    return Snapshot(**(known | fields))


def draw(renderable, width=80, color=False):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, color_system="standard" if color else None, no_color=True
    )
    console.print(renderable)
    return console.file.getvalue()


def lines_of(snapshot, width=80, height=24, notice=None, show_thinking=True, within_s=None):
    console = Console(file=io.StringIO(), width=width)
    layout = Layout.of(width, height, show_thinking=show_thinking)
    frame = live_frame(snapshot, console, layout=layout, clock=Clock(1.25, within_s), notice=notice)
    return draw(frame, width).splitlines()


def test_before_the_session_the_frame_says_that_it_waits():
    assert lines_of(Snapshot()) == ["waiting for the server"]


def test_a_frame_has_the_thinking_the_answers_the_budget_and_the_hint():
    lines = lines_of(snapshot(thinking="first\nthen", checkpoints=(interim(25), interim(50, stable_for=2))))
    assert [line.rstrip() for line in lines[:4]] == ["first", "then", "", lines[3].rstrip()]
    assert lines[3].split() == ["at", "answer", "sure", "stable", "after"]
    assert lines[4].split()[:3] == ["25", "42", "50%"]
    assert lines[5].split()[-3:] == ["2", "0.5", "s"]
    assert "50/200 tokens  1.2 s" in lines[-2]
    assert lines[-1].startswith("Ctrl-C: answer now")


def test_with_a_time_limit_the_bar_is_of_the_time():
    line = lines_of(snapshot(), within_s=2.5)[-2]
    assert "1.2 s of 2.5 s  50 tokens" in line
    assert line.count("━") == 20


def test_a_notice_takes_the_place_of_the_hint():
    assert lines_of(snapshot(), notice="cancelling")[-1] == "cancelling"


def test_the_tail_of_a_long_thinking_is_shown():
    thinking = "\n".join(f"line {number}" for number in range(1000))
    lines = lines_of(snapshot(thinking=thinking))
    assert "line 999" in lines
    assert "line 990" not in lines
    assert not any("line" in line for line in lines_of(snapshot(thinking=thinking), show_thinking=False))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("height", [5, 10, 24, 60])
def test_a_frame_fits_its_terminal(width, height):
    full = snapshot(
        thinking="word " * 500 + "漢字" * 100,
        answer_text="the answer " * 100,
        checkpoints=tuple(interim(10 * n, "a long answer " * 9, samples=5, votes=3) for n in range(60)),
    )
    lines = lines_of(full, width, height)
    assert len(lines) < height
    assert max(cell_len(line) for line in lines) <= width
    assert any(line.split()[:3] == ["at", "answer", "sure"] for line in lines)


def test_the_newest_answers_are_shown_and_the_earlier_ones_counted():
    answers = tuple(interim(at) for at in range(1, 31))
    lines = draw(answers_table(answers, 80, 10)).splitlines()
    assert len(lines) == 11
    assert lines[1].split() == ["…", "21", "earlier"]
    assert lines[2].split()[0] == "22"
    assert lines[-1].split()[0] == "30"


@pytest.mark.parametrize(
    ("width", "columns"),
    [(80, "at answer sure votes stable after"), (50, "at answer sure votes stable"), (30, "at answer sure")],
)
def test_columns_give_way_on_a_narrow_terminal(width, columns):
    table = answers_table((interim(10, samples=5, votes=3),), width, 10)
    assert draw(table, width).splitlines()[0].split() == columns.split()


def test_an_answer_is_one_line_without_control_characters():
    table = answers_table((interim(10, "a\n\x1b[31mred\x07 b"),), 80, 10)
    assert "a [31mred b" in draw(table)


def document(**fields):
    known = {
        "id": "rsn_1",
        "model": "m",
        "status": "completed",
        "stop_reason": "natural",
        "answer": Answer(text="It is\x1b[2J 42.", value="42", confidence=0.9),
        "thinking": "",
        "checkpoints": (interim(25),),
        "budget": Budget(requested=200, granted=200, spent=50),
        "usage": Usage(),
        "timings": Timings(total_ms=1500),
    }
    return ReasonDocument(**(known | fields))


def test_what_stays_is_the_answers_the_answer_and_what_it_took():
    lines = draw(final_frame(Outcome(document()), 80, 10)).splitlines()
    assert lines[1].split()[:2] == ["25", "42"]
    assert "It is[2J 42." in lines
    assert lines[-1] == "50 of 200 thinking tokens, done by itself · 1.5 s · m"


def test_the_best_answer_of_a_cancelled_session_does_not_pass_for_the_final_one():
    text = draw(final_frame(Outcome(document(status="cancelled"), interrupted=True), 80, 10))
    assert "It is" not in text
