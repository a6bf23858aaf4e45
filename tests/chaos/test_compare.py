"""What the comparison is worth: every way in which a run can be wrong is found."""

import json
from copy import deepcopy

import pytest

from chaos_parts.compare import equal_sessions, findings
from chaos_parts.faults import Proof
from chaos_parts.run import Run
from chaos_parts.scenario import FaultPlan, FleetPlan, Scenario, SessionPlan
from chaos_parts.transcript import Transcript

CHECKPOINT = {"at": 2, "answer": "4", "value": "4", "votes": 1, "samples": 1, "stable_for": 1}
DOCUMENT = {
    "status": "completed",
    "stop_reason": "budget",
    "thinking": "one two",
    "answer": {"text": "42", "value": "42", "finish_reason": "stop", "confidence": 0.9},
    "checkpoints": [CHECKPOINT],
    "budget": {"requested": 4, "granted": 4, "spent": 4},
    "usage": {"thinking": 4},
    "error": None,
}
EVENTS = [
    {"type": "reason.created", "id": "rsn_1"},
    {"type": "thinking.delta", "delta": "one ", "spent": 2},
    {"type": "checkpoint.answer", **CHECKPOINT},
    {"type": "thinking.delta", "delta": "two", "spent": 4},
    {"type": "answer.delta", "delta": "42"},
    {"type": "reason.completed", "document": DOCUMENT},
]
TOKENS = {"a": ((1, 2, 3), (4,))}
SCENARIO = Scenario(
    1,
    FleetPlan(redis=True),
    (SessionPlan("a", "greedy", {"min_budget": 4}, cuts=(10,)),),
    (FaultPlan("kill_engine", 1),),
)
KILLED = Proof("kill_engine", "worker-0", True)


def taken(events: list[dict]) -> Transcript:
    transcript = Transcript("a")
    transcript.begin()
    for number, event in enumerate(events, start=1):
        sent = {"sequence_number": number, **event}
        transcript.take(json.dumps(sent), str(sent["sequence_number"]))
    return transcript


def found(events: list[dict], **run) -> list[str]:
    disturbed = Run({"a": taken(events)}, **{"proofs": [KILLED], "cut": 1, "tokens": TOKENS, **run})
    return findings(SCENARIO, disturbed, Run({"a": taken(EVENTS)}, tokens=TOKENS))


def changed(place: int, **fields) -> list[dict]:
    events = deepcopy(EVENTS)
    events[place] |= fields
    return events


def ended(**fields) -> list[dict]:
    return changed(-1, document={**DOCUMENT, **fields})


def test_a_run_that_told_what_its_twin_told_is_right() -> None:
    assert found(EVENTS) == []


def test_that_a_session_went_on_is_no_difference_and_neither_is_where_deltas_end() -> None:
    resumed = {"type": "reason.resumed", "cause": "engine", "spent": 2, "downtime_ms": 3.0}
    merged = [*EVENTS[:1], {"type": "thinking.delta", "delta": "one two", "spent": 4}, resumed, EVENTS[2], *EVENTS[4:]]
    assert found(merged) == []


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (changed(2, sequence_number=4), "event 4 (checkpoint.answer) came where 3 was due"),
        (changed(2, sequence_number=2), "event 2 (checkpoint.answer) came where 3 was due"),
        (EVENTS[:-1], "no end after 5 events"),
        ([*EVENTS, EVENTS[-1]], "2 terminal events in 1 runs"),
        (ended(status="failed"), "failed: None"),
        (changed(1, delta="one"), "the deltas of the thinking"),
        (changed(4, delta="43"), "the deltas of the answer"),
        (changed(4, delta="4242"), "no late marker is why"),
        (changed(2, value="5"), "the checkpoints that came"),
        (ended(budget={"granted": 3, "spent": 4}), "4 tokens spent of 3"),
        (ended(budget={"granted": 9, "spent": 4}), "stopped by the budget of 9 with 4 spent"),
        (ended(usage={"thinking": 5}), "usage counts 5"),
        (ended(stop_reason="natural"), "stop reason differs"),
        (ended(answer={**DOCUMENT["answer"], "value": "41"}), "answer differs"),
        (ended(answer={**DOCUMENT["answer"], "confidence": 0.8}), "confidence"),
        (
            [EVENTS[0], {**EVENTS[1], "delta": "one t"}, EVENTS[2], {**EVENTS[3], "delta": "wo"}, *EVENTS[4:]],
            "another text after 2 thinking tokens",
        ),
    ],
)
def test_whatever_is_wrong_with_a_session_is_found(events: list[dict], text: str) -> None:
    assert any(text in line for line in found(events)), found(events)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ({"proofs": [Proof("kill_engine", "worker-0", False)]}, "fault without effect"),
        ({"proofs": []}, "fault without effect"),
        ({"cut": 0}, "fault without effect"),
        ({"tokens": {}}, "other tokens"),
        ({"tokens": {"a": ((1, 2, 5), (4,))}}, "other tokens"),
        ({"left": {"worker-0 requests": 1.0}}, "left at the end: worker-0 requests 1.0"),
    ],
)
def test_a_fault_that_did_nothing_other_tokens_and_an_engine_that_is_not_empty_are_found(run: dict, text: str) -> None:
    assert any(text in line for line in found(EVENTS, **run))


def test_what_a_late_marker_dropped_may_have_been_shown_or_not() -> None:
    shown = changed(4, delta="The 42")
    assert found(shown, answers={"a": "The</think> 42"}) == []
    assert found(shown, answers={"a": "The 42"}) == ["a: more was shown than the answer is, and no late marker is why"]


def test_sessions_are_counted_that_came_out_as_their_twins() -> None:
    other = ended(thinking="one three")
    twin = Run({"a": taken(EVENTS), "b": taken(EVENTS)})
    assert equal_sessions(Run({"a": taken(EVENTS), "b": taken(other)}), twin) == 1


def test_an_id_that_is_not_the_number_of_its_event_is_found() -> None:
    transcript = taken(EVENTS[:1])
    transcript.take(json.dumps({"sequence_number": 2, **EVENTS[1]}), "3")
    assert transcript.violations == ["event 2 was sent with the id '3'"]


def test_a_silence_is_the_longest_wait_for_an_event_within_a_run() -> None:
    transcript = taken([*EVENTS, {"type": "budget.changed"}, EVENTS[-1]])
    transcript.arrivals = [0.0, 1.0, 3.0, 3.5, 4.0, 4.0, 4.5, 60.0, 61.0]
    assert transcript.longest_silence_s == 2.0
