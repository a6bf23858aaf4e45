"""The events of a session's stream."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from anytime_client.protocol.base import Frozen, if_given
from anytime_client.protocol.document import Budget, CheckpointAnswer, ReasonDocument, TokenLogprob


class _Event(Frozen):
    sequence_number: int = Field(description="from 1 without gaps within a session; the SSE id")


class ReasonCreated(_Event):
    """The session is admitted."""

    type: Literal["reason.created"] = "reason.created"
    id: str = Field(description="of the session")
    model: str = Field(description="the served model's name")
    budget: Budget = Field(description="in thinking tokens")
    checkpoints: tuple[int, ...] = Field(description="the thinking lengths at which interim answers are planned")


class ThinkingDelta(_Event):
    """New thinking text."""

    type: Literal["thinking.delta"] = "thinking.delta"
    delta: str = Field(description="the text, as generated")
    spent: int = Field(description="thinking tokens up to its end; of several trunks, of all together")
    trunk: int | None = if_given("of several trunks, the one that has thought it")
    trunk_spent: int | None = if_given("of several trunks: thinking tokens of this one up to its end")


class CheckpointEvent(_Event, CheckpointAnswer):
    """An interim answer."""

    type: Literal["checkpoint.answer"] = "checkpoint.answer"

    def as_answer(self) -> CheckpointAnswer:
        """Return the answer alone, as the document has it."""
        return CheckpointAnswer.model_validate(self.model_dump(include=set(CheckpointAnswer.model_fields)))


class BudgetChanged(_Event):
    """The grant was changed while the session was running, or the ended session thinks on."""

    type: Literal["budget.changed"] = "budget.changed"
    budget: Budget = Field(description="the new one, in thinking tokens")
    checkpoints: tuple[int, ...] = Field(description="the thinking lengths at which interim answers are still to come")
    cause: Literal["extend", "load"] = Field(
        default="extend", description="a request, after which the answer starts anew; or the load of the server"
    )


class AnswerDelta(_Event):
    """New text of the final answer. After an extension the answer starts anew."""

    type: Literal["answer.delta"] = "answer.delta"
    delta: str = Field(description="the text, as generated")
    logprobs: tuple[TokenLogprob, ...] | None = Field(default=None, description="of the tokens that it is made of")
    trunk: int | None = if_given("of several trunks, the one that answers")


class ReasonResumed(_Event):
    """The session goes on after a loss. What it has told stands, and nothing of it comes again."""

    type: Literal["reason.resumed"] = "reason.resumed"
    cause: Literal["engine", "server"] = Field(description="what was lost: the engine, or the server that ran it")
    spent: int = Field(description="thinking tokens that it goes on from")
    trunk: int | None = if_given("of several trunks, the one whose engine was lost; None: all of them")
    downtime_ms: float = Field(description="from the loss to this event")


class ReasonCompleted(_Event):
    """The session ended with its answer."""

    type: Literal["reason.completed"] = "reason.completed"
    document: ReasonDocument = Field(description="the session as it stands at this event")


class ReasonCancelled(_Event):
    """The session was cancelled, or its client left."""

    type: Literal["reason.cancelled"] = "reason.cancelled"
    document: ReasonDocument = Field(description="the session as it stands at this event")


class ReasonFailed(_Event):
    """The session failed; the document holds the error and the best answer so far."""

    type: Literal["reason.failed"] = "reason.failed"
    document: ReasonDocument = Field(description="the session as it stands at this event")


Event = (
    ReasonCreated
    | ThinkingDelta
    | CheckpointEvent
    | BudgetChanged
    | AnswerDelta
    | ReasonResumed
    | ReasonCompleted
    | ReasonCancelled
    | ReasonFailed
)
TerminalEvent = ReasonCompleted | ReasonCancelled | ReasonFailed
EVENT_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
"""Reads an event from its JSON."""
