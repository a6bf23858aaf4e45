"""What a log entry says of a generation besides its event: the steps that led to it, and all that they don't imply."""

from collections.abc import Mapping
from typing import Any

from anytime_client.protocol import (
    AnswerDelta,
    CheckpointEvent,
    Event,
    ReasonCompleted,
    ThinkingDelta,
)
from anytime_server.reasoning.answers.best import BestAnswer
from anytime_server.reasoning.branches.interims import InterimAnswers
from anytime_server.reasoning.surroundings.tally import Stopwatch, Tally
from anytime_server.reasoning.trunk.course import Course
from anytime_server.reasoning.trunk.transcript import Transcript
from anytime_server.reasoning.trunk.vigil import Vigil


class Account:
    """The books of one generation, kept over the parts that it is made of."""

    def __init__(
        self,
        transcript: Transcript,
        course: Course,
        interims: InterimAnswers,
        best: BestAnswer,
        tally: Tally,
        watch: Stopwatch,
        vigil: Vigil,
    ) -> None:
        """Nothing is told yet."""
        self._transcript = transcript
        self._course = course
        self._interims = interims
        self._best = best
        self._tally = tally
        self._watch = watch
        self._vigil = vigil
        self._told: dict[str, Any] = {}

    def take(self) -> dict[str, Any]:
        """Return, as JSON, the steps since the last call, and what else has changed since."""
        standing = self.standing()
        changed = {name: value for name, value in standing.items() if self._told.get(name) != value}
        self._told = standing
        steps = self._transcript.take_steps()
        if any(step[0] == "leg" for step in steps):
            # A leg that has begun and was booked since looks as the one before it, and is not booked when it is redone.
            changed["legs"] = standing["legs"]
        return {**changed, "steps": steps} if steps else changed

    def standing(self) -> dict[str, Any]:
        """Return, as JSON, all that does not follow from the steps."""
        return {
            "course": self._course.standing(),
            "interims": self._interims.standing(),
            "tally": self._tally.counts(),
            "marks": dict(self._watch.marks),
            "legs": [self._transcript.legs, self._transcript.leg.booked],
            "watched_since": self._vigil.since,
        }

    def restore(self, event: Event | None, account: Mapping[str, Any]) -> None:
        """Be as the session was when it had told `event`, with what `take` returned then.

        None is an event that another trunk of the session has told, or all of them together.

        Raises:
            ValueError: if the same steps lead to another event here.
        """
        self._transcript.redo(account.get("steps", ()), self._course.policy)
        match event:
            case ThinkingDelta():
                _check(event.delta, self._transcript.trunk.take_text())
            case AnswerDelta():
                _check(event.delta, self._transcript.take_answer())
                self._transcript.take_logprobs()
            case CheckpointEvent():
                self._interims.accept(event.as_answer())
            case ReasonCompleted():
                self._best.keep(event.document.answer)
        self._restore_standing(account)

    def _restore_standing(self, account: Mapping[str, Any]) -> None:
        if "course" in account:
            self._course.restore(account["course"])
        if "interims" in account:
            self._interims.restore(account["interims"])
        if "tally" in account:
            self._tally.restore(account["tally"])
        self._watch.marks.update(account.get("marks", {}))
        if "legs" in account:
            self._transcript.legs, self._transcript.leg.booked = account["legs"]
        if "watched_since" in account:
            self._vigil.begin(account["watched_since"])


def _check(told: str, again: str) -> None:
    if told != again:
        raise ValueError(f"a text is {again[:100]!r} here that was told as {told[:100]!r}")
