"""When the answers of a session agree: cheaply, and by math-verify where it is installed, but not waiting for ever."""

import asyncio
import multiprocessing
import os

import pytest

from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.answers import agreement
from anytime_server.reasoning.answers.agreement import Agreement, Judge
from anytime_server.reasoning.answers.majority import Draft, majority
from anytime_server.values import mathematics
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ask

with_math_verify = pytest.mark.skipif(not mathematics.is_installed(), reason="math-verify is not installed")
ENDLESS = "9^{9^{9^{9}}}"


def answering(*answers: str) -> Reasoner:
    """A reasoner whose interim answer after k of its thoughts is the k-th of `answers`, the last one for ever."""
    thinking = "x;" * 200
    engine = FakeEngine(
        scripted(thinking, "Answer: 0", lambda seen: answers[min(seen.count(";") // 5, len(answers) - 1)]),
        pause_s=0.0002,
    )
    return Reasoner(engine, fake_format(engine), ReasonSettings())


async def stood(reasoner: Reasoner, checkpoints: int, **fields) -> list[tuple[str | None, int]]:
    at = [10 * (index + 1) for index in range(checkpoints)]
    request = ask(budget=at[-1], checkpoints=at, interim={"max_tokens": 40}, **fields)
    document = await reasoner.submit(request).wait()
    return [(answer.value, answer.stable_for) for answer in document.checkpoints]


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """These tests are not about how fast a process starts here, nor about several."""
    monkeypatch.setattr(agreement, "BATCH_S", 60.0)
    monkeypatch.setattr(agreement, "SESSION_PATIENCE_S", 60.0)
    monkeypatch.setattr(agreement, "WORKERS", 1)


@pytest.fixture
async def judge():
    judge = Judge()
    yield judge
    await judge.close()


@pytest.fixture
def before():
    return set(multiprocessing.active_children())


@pytest.mark.parametrize("form", ["$$\n{}\n$$", "```\n{}\n```", "\\[\n{}\n\\]", "---\n{}", "> {}", "- {}", "**{}**"])
async def test_different_values_in_the_same_dress_do_not_settle(form):
    answers = [form.format(number) for number in (7, 1, 2, 3)]
    document = (
        await answering(*answers)
        .submit(ask(budget=30, checkpoints=[10, 20, 30], stop_when={"stable": 3}, interim={"max_tokens": 40}))
        .wait()
    )
    assert [(answer.value, answer.stable_for) for answer in document.checkpoints] == [("1", 1), ("2", 1), ("3", 1)]
    assert document.stop_reason == "budget"


async def test_a_pair_is_not_a_number():
    assert await stood(answering("", "1,2", "12", "1,2"), 3) == [("1,2", 1), ("12", 1), ("1,2", 1)]


async def test_plain_numbers_and_words_start_no_process(before):
    reasoner = answering("", "12", "13", "1,000", "Paris", "London")
    await stood(reasoner, 5)
    assert set(multiprocessing.active_children()) == before


@with_math_verify
async def test_spellings_of_one_expression_settle_and_the_drain_leaves_no_process(before):
    reasoner = answering("", r"\sqrt{8}", r"2\sqrt{2}", r"\boxed{\sqrt{8}}", r"3\sqrt{2}")
    assert [count for _, count in await stood(reasoner, 4)] == [1, 2, 3, 1]
    await reasoner.drain(1.0)
    assert set(multiprocessing.active_children()) == before


@with_math_verify
async def test_drafts_vote_together_if_they_are_equal_as_mathematics(judge):
    values = ["x+x", "3", "2x", "7 apples", "x \\cdot 2"]
    session = Agreement(judge)
    await session.settle(*values)
    assert majority([Draft(value, value, 0.5) for value in values], session.same).votes == 3


@with_math_verify
async def test_what_cannot_be_decided_in_time_stays_different_and_blocks_nothing(monkeypatch, before):
    monkeypatch.setattr(mathematics, "COMPARISON_S", 0.5)
    judge = Judge()
    session = Agreement(judge)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await session.settle(ENDLESS, r"\sqrt{8}", r"2\sqrt{2}")
    ticking.cancel()
    assert ticks > 5
    assert not session.same(ENDLESS, r"2\sqrt{2}")
    assert session.same(r"2\sqrt{2}", r"\sqrt{8}")
    await judge.close()
    assert set(multiprocessing.active_children()) == before


@with_math_verify
async def test_a_session_without_patience_left_compares_cheaply(monkeypatch, judge):
    monkeypatch.setattr(agreement, "SESSION_PATIENCE_S", 0.0)
    session = Agreement(judge)
    await session.settle(r"\sqrt{8}", r"2\sqrt{2}")
    assert not session.same(r"\sqrt{8}", r"2\sqrt{2}")
    await Agreement(judge).settle(r"\sqrt{8}", r"2\sqrt{2}")
    await session.settle(r"\sqrt{8}", r"2\sqrt{2}")
    assert not session.same(r"\sqrt{8}", r"2\sqrt{2}")


@with_math_verify
async def test_a_deadline_leaves_little_patience(judge):
    session = Agreement(judge, deadline_s=0.001)
    await session.settle(r"\sqrt{18}", r"3\sqrt{2}")
    assert not session.same(r"\sqrt{18}", r"3\sqrt{2}")


@with_math_verify
async def test_a_killed_process_is_replaced(judge, before):
    await Agreement(judge).settle("x+x", "2x")
    for worker in set(multiprocessing.active_children()) - before:
        os.kill(worker.pid, 9)
        worker.join()
    session = Agreement(judge)
    await session.settle("x+x+x", "3x")
    assert session.same("3x", "x+x+x")


async def test_without_math_verify_the_cheap_comparison_is_all(monkeypatch, judge, before):
    monkeypatch.setattr(mathematics, "is_installed", lambda: False)
    session = Agreement(judge)
    await session.settle("x+x", "2x", "0.5")
    assert not session.same("x+x", "2x")
    assert session.same("0.5", "1/2")
    assert set(multiprocessing.active_children()) == before


async def test_a_process_that_cannot_start_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr(mathematics, "is_installed", lambda: True)
    monkeypatch.setattr(mathematics, "comparer", os.abort)
    judge = Judge()
    for values in (("x+x", "2x"), ("x+y", "y+x")):
        session = Agreement(judge)
        await session.settle(*values)
        assert not session.same(*values)
    assert [record.message for record in caplog.records if "math-verify" in record.message] == [
        "answers are compared without math-verify: a process for it ended while it started; its traceback is on stderr"
    ]
    await judge.close()
