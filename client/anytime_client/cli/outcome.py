"""How asking ended: the session as a document, and what a person must know beside the answer."""

from dataclasses import dataclass

from anytime_client.cli.exits import CANCELLED, FAILED
from anytime_client.cli.wording import percent
from anytime_client.protocol import CheckpointAnswer, ReasonDocument


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question.

    Attributes:
        document: the session at its end; of one that was left because the time was over, as far as it was known.
        within_s: the time in which an answer was wanted; None if it could take its time.
        late: whether that was over before the session's end.
        failure: what the newest attempt to reach the server had failed with by then.
        interrupted: whether the user cancelled.
    """

    document: ReasonDocument
    within_s: float | None = None
    late: bool = False
    failure: str | None = None
    interrupted: bool = False

    @property
    def has_answer(self) -> bool:
        """Whether there is what was asked for: the final answer, or when the time was over the best one."""
        return (self.document.status == "completed" or self.late) and self.document.answer is not None


def exit_code(outcome: Outcome) -> int:
    """Return what the command ends with."""
    if outcome.interrupted:
        return CANCELLED
    return 0 if outcome.has_answer else FAILED


def remark(outcome: Outcome) -> str | None:
    """Return a line on what is not as one expects; None if all is."""
    document = outcome.document
    if outcome.late:
        return _time_is_over(document, f"{outcome.within_s:g} s", outcome.failure)
    if document.error is not None:
        return f"the session failed: {document.error.message}{_best(document)}"
    if document.status == "cancelled":
        return ("cancelled" if outcome.interrupted else "the session was cancelled") + _best(document)
    if document.answer is not None and document.answer.finish_reason == "length":
        return "the answer was cut at its length limit; see --max-answer-tokens"
    budget = document.budget
    if document.stop_reason == "load":
        return f"the server was busy: it granted {budget.granted} of the {budget.requested} thinking tokens"
    if document.stop_reason == "budget" and outcome.within_s is None and budget.granted < budget.requested:
        return f"the server granted {budget.granted} of the {budget.requested} thinking tokens"
    return None


def _time_is_over(document: ReasonDocument, time: str, failure: str | None) -> str:
    newest = document.checkpoints[-1] if document.checkpoints else None
    if newest is None and failure is not None:
        return f"no answer within {time}: {failure}"
    if newest is None and not document.id:
        return f"no answer within {time}: the server has not answered"
    if newest is None:
        return f"no answer within {time}; give it more time, or an earlier checkpoint"
    return f"{time} are up: this is the interim answer at {newest.at} tokens ({percent(newest.confidence)})"


def _best(document: ReasonDocument) -> str:
    newest: CheckpointAnswer | None = document.checkpoints[-1] if document.checkpoints else None
    if newest is None:
        return "; there was no answer yet"
    said = newest.value or newest.answer
    return f"; the best answer by then, at {newest.at} tokens: {said} ({percent(newest.confidence)})"
