import pytest

from anytime_client.cli.outcome import Outcome, exit_code, remark
from anytime_client.cli.wording import seconds
from anytime_client.protocol import Answer, Budget, CheckpointAnswer, ErrorInfo, ReasonDocument, Timings, Usage

ANSWER = Answer(text="It is 42.", value="42", confidence=0.9)
INTERIM = CheckpointAnswer(
    at=30,
    answer=" 42",
    value="42",
    confidence=0.58,
    votes=1,
    samples=1,
    stable_for=1,
    elapsed_ms=10,
    interim_tokens=1,
    computed_tokens=1,
    cached_tokens=0,
)


def document(status="completed", answer=ANSWER, checkpoints=(INTERIM,), error=None, stop_reason=None, requested=9):
    return ReasonDocument(
        id="rsn_1",
        model="m",
        status=status,
        stop_reason=stop_reason,
        answer=answer,
        thinking="",
        checkpoints=checkpoints,
        budget=Budget(requested=requested, granted=9, spent=9),
        usage=Usage(),
        timings=Timings(),
        error=error,
    )


def test_an_answer_needs_no_remark():
    assert (exit_code(Outcome(document())), remark(Outcome(document()))) == (0, None)


def test_an_answer_that_was_cut_is_told():
    cut = Outcome(document(answer=ANSWER.model_copy(update={"finish_reason": "length"})))
    assert exit_code(cut) == 0
    assert "--max-answer-tokens" in remark(cut)


def test_a_smaller_grant_is_told_where_it_mattered():
    small = Outcome(document(stop_reason="budget", requested=500))
    assert (exit_code(small), remark(small)) == (0, "the server granted 9 of the 500 thinking tokens")
    assert remark(Outcome(document(stop_reason="natural", requested=500))) is None


def test_a_failure_tells_why_and_the_best_answer():
    failed = Outcome(document("failed", error=ErrorInfo(type="engine_error", message="out of memory")))
    assert exit_code(failed) == 1
    assert remark(failed) == "the session failed: out of memory; the best answer by then, at 30 tokens: 42 (58%)"


@pytest.mark.parametrize(
    ("interrupted", "code", "words"), [(True, 130, "cancelled;"), (False, 1, "the session was cancelled;")]
)
def test_who_cancelled_is_told(interrupted, code, words):
    cancelled = Outcome(document("cancelled"), interrupted=interrupted)
    assert exit_code(cancelled) == code
    assert remark(cancelled).startswith(words)


def test_a_cancel_before_any_answer_says_so():
    nothing = Outcome(document("cancelled", answer=None, checkpoints=()), interrupted=True)
    assert remark(nothing) == "cancelled; there was no answer yet"


def test_in_time_the_interim_answer_is_an_answer():
    late = Outcome(document("running"), 2.5, late=True)
    assert late.has_answer
    assert exit_code(late) == 0
    assert remark(late) == "2.5 s are up: this is the interim answer at 30 tokens (58%)"


def test_no_answer_in_time_fails():
    late = Outcome(document("running", answer=None, checkpoints=()), 2.0, late=True)
    assert exit_code(late) == 1
    assert remark(late).startswith("no answer within 2 s")


def test_times_are_read_in_seconds_or_minutes():
    assert [seconds(ms) for ms in (40, 1260, 59_900, 61_000, 600_000)] == [
        "0.0 s",
        "1.3 s",
        "59.9 s",
        "1:01 min",
        "10:00 min",
    ]
