"""How asking ended: the session as a document, and what a person must know beside the answer."""

from dataclasses import dataclass

from anytime_client.cli.exits import CANCELLED, FAILED
from anytime_client.cli.wording import percent
from anytime_client.protocol import CheckpointAnswer, ReasonDocument


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question.

    Attributes:
        document: the session at its end; of one that was left when the time was over, as far as it was known.
        interrupted: whether the user cancelled.
        within_s: the time that was over before the session's end; None if it was not.
    """

    document: ReasonDocument
    interrupted: bool = False
    within_s: float | None = None

    @property
    def has_answer(self) -> bool:
        """Whether there is the answer that was asked for: the final one, or in time the best one."""
        in_time = self.document.status == "completed" or self.within_s is not None
        return in_time and self.document.answer is not None


def exit_code(outcome: Outcome) -> int:
    """Return what the command ends with."""
    if outcome.interrupted:
        return CANCELLED
    return 0 if outcome.has_answer else FAILED


def remark(outcome: Outcome) -> str | None:
    """Return a line on what is not as one expects; None if all is."""
    document = outcome.document
    if outcome.within_s is not None:
        return _time_is_over(outcome.within_s, document)
    if document.error is not None:
        return f"the session failed: {document.error.message}{_best(document)}"
    if document.status == "cancelled":
        return ("cancelled" if outcome.interrupted else "the session was cancelled") + _best(document)
    if document.answer is not None and document.answer.finish_reason == "length":
        return "the answer was cut at its length limit; see --max-answer-tokens"
    return None


def _time_is_over(seconds: float, document: ReasonDocument) -> str:
    newest = document.checkpoints[-1] if document.checkpoints else None
    if newest is None:
        return f"no answer within {seconds:g} s; try --checkpoints with an early one, such as geometric:2"
    return f"{seconds:g} s are over: this is the interim answer at {newest.at} tokens ({percent(newest.confidence)})"


def _best(document: ReasonDocument) -> str:
    newest: CheckpointAnswer | None = document.checkpoints[-1] if document.checkpoints else None
    if newest is None:
        return "; there was no answer yet"
    said = newest.value or newest.answer
    return f"; the best answer until then, at {newest.at} tokens: {said} ({percent(newest.confidence)})"
