"""The one comparison of a disturbed run with its undisturbed twin: what must hold, and what did not."""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from chaos_parts.run import Run
from chaos_parts.scenario import Scenario, SessionPlan
from chaos_parts.transcript import Transcript

SHOWN = 60
"""Characters of a text that differs."""
CLOSE = "</think>"
"""Ends the thinking, in the families that are served here."""
CONFIDENCE = 1e-3
"""How far confidences may differ: batches of other shapes add up in another order."""


def findings(scenario: Scenario, run: Run, twin: Run) -> list[str]:
    """Return everything that is wrong with a run, one line each; none is a run that nobody noticed the faults of."""
    found: list[str] = []
    for plan in scenario.sessions:
        mine, other = run.transcripts[plan.name], twin.transcripts[plan.name]
        found += [f"{plan.name}: {text}" for text in (*flaws(plan, mine), *differences(mine, other))]
        found += [f"{plan.name}: {text}" for text in said_too_much(plan.name, run, twin)]
        if scenario.fleet.redis and not same_tokens(plan.name, run, twin):
            found.append(f"{plan.name}: other tokens than the twin's")
        found += [f"{plan.name}, undisturbed: {text}" for text in flaws(plan, other, runs=None)]
    found += [f"fault without effect: {proof}" for proof in run.proofs if not proof.took_effect]
    if len(run.proofs) != len(scenario.faults):
        found.append(f"fault without effect: {len(run.proofs)} of {len(scenario.faults)} were done")
    planned = sum(bool(plan.cuts) for plan in scenario.sessions)
    if run.cut < planned:
        found.append(f"fault without effect: {run.cut} connections were cut, of {planned} sessions whose was to be")
    found += [f"left at the end: {name} {value}" for name, value in {**run.left, **twin.left}.items()]
    return found


def equal_sessions(run: Run, twin: Run) -> int:
    """Return how many sessions came out as their twins did."""
    return sum(not list(differences(mine, twin.transcripts[name])) for name, mine in run.transcripts.items())


def equal_token_logs(run: Run, twin: Run) -> int:
    """Return how many sessions have the very tokens of their twins."""
    return sum(same_tokens(name, run, twin) for name in run.transcripts)


def same_tokens(name: str, run: Run, twin: Run) -> bool:
    """Whether a session's stored tokens are there, and its twin's."""
    return name in run.tokens and run.tokens[name] == twin.tokens.get(name)


def _runs(plan: SessionPlan, otherwise: int | None) -> int | None:
    """How many runs a session has; None if that is open: on a busy machine it ends before a reader has extended it."""
    if plan.steer is None or plan.steer.action != "extend":
        return otherwise
    return 2 if plan.steer.after is None else None


def flaws(plan: SessionPlan, transcript: Transcript, runs: int | None = 1) -> Iterator[str]:
    """Yield what is wrong with a log by itself."""
    yield from transcript.violations
    document = transcript.document
    if document is None:
        yield f"no end after {transcript.last} events"
        return
    expected = _runs(plan, runs)
    if expected is not None and transcript.ends != expected:
        yield f"{transcript.ends} terminal events in {expected} runs"
    if document["status"] != "completed":
        yield f"{document['status']}: {document['error']}"
    if thinking(transcript) != document["thinking"]:
        yield "the deltas of the thinking are not the thinking of the document"
    if not answer(transcript).strip().endswith(document["answer"]["text"] if document["answer"] else ""):
        yield "the deltas of the answer do not end with the answer of the document"
    if [shown(each) for each in checkpoints(transcript)] != [shown(each) for each in document["checkpoints"]]:
        yield "the checkpoints that came are not those of the document"
    budget = document["budget"]
    if budget["spent"] > budget["granted"]:
        yield f"{budget['spent']} tokens spent of {budget['granted']}"
    if document["stop_reason"] == "budget" and budget["spent"] != budget["granted"]:
        yield f"stopped by the budget of {budget['granted']} with {budget['spent']} spent"
    if document["usage"]["thinking"] != budget["spent"]:
        yield f"usage counts {document['usage']['thinking']} thinking tokens, the budget {budget['spent']}"


def differences(mine: Transcript, twin: Transcript) -> Iterator[str]:
    """Yield what differs between a session and its twin."""
    if mine.document is None or twin.document is None:
        yield "one of the two has no end"
        return
    if mine.document["status"] != twin.document["status"]:
        yield f"{mine.document['status']}, and the twin {twin.document['status']}"
        return
    ours, theirs = outcome(mine.document), outcome(twin.document)
    for name in ours:
        if ours[name] != theirs[name]:
            yield f"{name} differs from the twin's: {apart(ours[name], theirs[name])}"
    ours_at, theirs_at = lengths(mine), lengths(twin)
    other = [spent for spent in ours_at.keys() & theirs_at.keys() if ours_at[spent] != theirs_at[spent]]
    if other:
        yield f"another text after {min(other)} thinking tokens than the twin's"
    sure, twins = _confidence(mine.document), _confidence(twin.document)
    if sure is not None and twins is not None and abs(sure - twins) > CONFIDENCE:
        yield f"the answer's confidence is {sure}, the twin's {twins}"


def said_too_much(name: str, run: Run, twin: Run) -> Iterator[str]:
    """Yield that more of an answer was shown than it is, though no late close marker made it begin anew.

    Whether readers see any of what such a marker drops is a matter of when deltas were sent. Without a store nobody
    knows whether there was one: then only the twin tells.
    """
    if began_anew(run.transcripts[name]):
        told = run.answers.get(name)
        expected = began_anew(twin.transcripts[name]) if told is None else CLOSE in told
        if not expected:
            yield "more was shown than the answer is, and no late marker is why"


def outcome(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a document doesn't depend on time, nor on how often a part of it was generated."""
    final = document["answer"] or {}
    reason = document["stop_reason"]
    return {
        "stop reason": "budget" if reason == "answer_now" else reason,
        "thinking": document["thinking"],
        "spent": document["budget"]["spent"],
        "answer": (final.get("text"), final.get("value"), final.get("finish_reason")),
        "checkpoints": [shown(each) for each in document["checkpoints"]],
    }


def apart(ours: Any, theirs: Any) -> str:
    """Return two values that differ, in short; texts from a little before where they do."""
    if isinstance(ours, str) and isinstance(theirs, str):
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))
        start = max(0, same - SHOWN // 4)
        return f"from character {start} on {ours[start:][:SHOWN]!r} is not {theirs[start:][:SHOWN]!r}"
    return f"{ours!r} is not {theirs!r}"


def shown(checkpoint: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what of an interim answer doesn't depend on time."""
    return tuple(checkpoint[name] for name in ("at", "answer", "value", "votes", "samples", "stable_for"))


def thinking(transcript: Transcript) -> str:
    """Return the thinking as its deltas tell it."""
    return "".join(event["delta"] for event in transcript.events if event["type"] == "thinking.delta")


def answer(transcript: Transcript) -> str:
    """Return the answer as its deltas tell it; it starts anew where the budget changes."""
    parts: list[str] = []
    for event in transcript.events:
        if event["type"] == "budget.changed":
            parts.clear()
        elif event["type"] == "answer.delta":
            parts.append(event["delta"])
    return "".join(parts)


def began_anew(transcript: Transcript) -> bool:
    """Whether the deltas begin with what is no answer: a late close marker dropped it, or it should not be there."""
    if transcript.document is None:
        return False
    final = transcript.document["answer"] or {}
    return answer(transcript).strip() != final.get("text", "")


def checkpoints(transcript: Transcript) -> list[dict[str, Any]]:
    """Return the interim answers in the order of their events."""
    return [event for event in transcript.events if event["type"] == "checkpoint.answer"]


def lengths(transcript: Transcript) -> dict[int, int]:
    """Return how long the thinking's text was after how many tokens, wherever a delta ended."""
    found: dict[int, int] = {}
    length = 0
    for event in transcript.events:
        if event["type"] == "thinking.delta":
            length += len(event["delta"])
            found[event["spent"]] = length
    return found


def _confidence(document: Mapping[str, Any] | None) -> float | None:
    return document["answer"]["confidence"] if document and document["answer"] else None
