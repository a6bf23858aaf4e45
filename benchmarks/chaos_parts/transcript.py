"""What a reader got of a session, event by event, and what was wrong with it."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

TERMINAL = ("reason.completed", "reason.cancelled", "reason.failed")


@dataclass(slots=True)
class Transcript:
    """A session as its reader saw it.

    Attributes:
        name: of the session's plan.
        id: of the session, once it is known.
        events: in the order of their arrival.
        raw: their JSON as it came.
        arrivals: seconds on the monotonic clock; the first is when the reader began.
        connections: how many were opened.
        broken: how many of them broke off before their end.
        violations: what must not be: gaps, duplicates, streams that end too early, requests given up.
    """

    name: str
    id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    connections: int = 0
    broken: int = 0
    violations: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Note when the reader began."""
        self.arrivals.append(time.monotonic())

    def take(self, raw: str, id: str) -> None:
        """Take the next event in, with the id that it was sent under; note if it is not the next."""
        event = json.loads(raw)
        if id != str(event["sequence_number"]):
            self.violations.append(f"event {event['sequence_number']} was sent with the id {id!r}")
        number, expected = event["sequence_number"], len(self.events) + 1
        if number != expected:
            self.violations.append(f"event {number} ({event['type']}) came where {expected} was due")
        if number < expected:
            return
        if event["type"] == "reason.created":
            self.id = event["id"]
        self.events.append(event)
        self.raw.append(raw)
        self.arrivals.append(time.monotonic())

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.events)

    @property
    def spent(self) -> int:
        """Thinking tokens seen."""
        for event in reversed(self.events):
            if event["type"] == "thinking.delta":
                return int(event["spent"])
        return 0

    @property
    def document(self) -> dict[str, Any] | None:
        """The session as its last event tells it, if that was the end of a run."""
        if self.events and self.events[-1]["type"] in TERMINAL:
            document: dict[str, Any] = self.events[-1]["document"]
            return document
        return None

    @property
    def ends(self) -> int:
        """How many terminal events there were."""
        return sum(event["type"] in TERMINAL for event in self.events)

    def resumed(self, cause: str) -> int:
        """How many times the session went on after the loss of an engine, or of a server."""
        return sum(event["type"] == "reason.resumed" and event["cause"] == cause for event in self.events)

    @property
    def longest_silence_s(self) -> float:
        """The longest wait for an event within a run, the first one's included. An extension begins a new run."""
        waits = zip(self.arrivals, self.arrivals[1:], [None, *self.events], strict=False)
        return max(
            (later - earlier for earlier, later, before in waits if before is None or before["type"] not in TERMINAL),
            default=0.0,
        )


@dataclass(slots=True)
class Progress:
    """How far all sessions are, as their readers see it: what faults go by."""

    transcripts: dict[str, Transcript]

    @property
    def tokens(self) -> int:
        """Thinking tokens seen of all sessions."""
        return sum(transcript.spent for transcript in self.transcripts.values())

    def resumed(self, cause: str) -> int:
        """How many times sessions went on after a loss."""
        return sum(transcript.resumed(cause) for transcript in self.transcripts.values())
