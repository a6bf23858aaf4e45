"""A session as its events tell it so far: one pure function from a snapshot and an event to the next snapshot."""

from dataclasses import dataclass, replace
from typing import assert_never

from anytime_client.protocol import (
    Answer,
    AnswerDelta,
    Budget,
    BudgetChanged,
    CheckpointAnswer,
    CheckpointEvent,
    Event,
    ReasonCancelled,
    ReasonCompleted,
    ReasonCreated,
    ReasonDocument,
    ReasonFailed,
    ReasonResumed,
    ThinkingDelta,
    Timings,
    Usage,
    display,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reader of the stream knows after event `last_sequence_number`. Never changed in place.

    A reader that did not begin at event 1 knows only of what came since.
    """

    id: str = ""
    model: str = ""
    thinking: str = ""
    """Of several trunks, that of the one which stands for the best answer."""
    trunks: tuple[str, ...] = ()
    """The thinking of each of several trunks; empty if there is one."""
    trunk: int = 0
    """The one of several trunks that stands for the best answer."""
    answer_text: str = ""
    """The final answer as it is generated; an extension starts it anew."""
    best_answer: Answer | None = None
    """The newest interim answer, or the final one. It stands until a later one comes."""
    checkpoints: tuple[CheckpointAnswer, ...] = ()
    budget: Budget | None = None
    document: ReasonDocument | None = None
    """The session's document once it has ended; None again while an extension runs."""
    last_sequence_number: int = 0

    def __repr__(self) -> str:
        return f"<Snapshot of {self.as_document()!r}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return display.html(self.as_document())

    def skip(self, sequence_number: int) -> "Snapshot":
        """Return what is known after an event that this client can't tell anything from."""
        return replace(self, last_sequence_number=sequence_number)

    def as_document(self) -> ReasonDocument:
        """Return the session as a document: its own once it has ended, else what is known (no usage, no timings)."""
        return self.document or ReasonDocument(
            id=self.id,
            model=self.model,
            status="running",
            stop_reason=None,
            answer=self.best_answer,
            thinking=self.thinking,
            checkpoints=self.checkpoints,
            budget=self.budget or Budget(requested=0, granted=0, spent=0),
            usage=Usage(),
            timings=Timings(),
            last_sequence_number=self.last_sequence_number,
        )


def reduce(before: Snapshot, event: Event) -> Snapshot:
    """Return what is known after `event`, given what was known `before` it."""
    now = replace(before, last_sequence_number=event.sequence_number)
    match event:
        case ReasonCreated():
            return replace(now, id=event.id, model=event.model, budget=event.budget)
        case ThinkingDelta():
            return _thought(replace(now, budget=_spent(now.budget, event.spent)), event)
        case CheckpointEvent():
            now = _led_by(now, event.trunk)
            answer = event.as_answer()
            best = Answer(text=answer.answer, value=answer.value, confidence=answer.confidence)
            return replace(now, checkpoints=(*now.checkpoints, answer), best_answer=best)
        case BudgetChanged():
            return replace(now, budget=event.budget, answer_text="", document=None)
        case AnswerDelta():
            return replace(_led_by(now, event.trunk), answer_text=now.answer_text + event.delta)
        case ReasonResumed():
            return now
        case ReasonCompleted() | ReasonCancelled() | ReasonFailed():
            return ended(now, event.document)
        case _:
            assert_never(event)


def ended(before: Snapshot, document: ReasonDocument) -> Snapshot:
    """Return `before` with the session's end as `document` tells it."""
    return replace(
        before,
        id=document.id,
        model=document.model,
        thinking=document.thinking,
        trunks=tuple(trunk.thinking for trunk in document.trunks or ()),
        checkpoints=document.checkpoints,
        best_answer=document.answer or before.best_answer,
        budget=document.budget,
        document=document,
        last_sequence_number=document.last_sequence_number,
    )


def _thought(known: Snapshot, event: ThinkingDelta) -> Snapshot:
    if event.trunk is None:
        return replace(known, thinking=known.thinking + event.delta)
    texts = list(known.trunks) + [""] * (event.trunk + 1 - len(known.trunks))
    texts[event.trunk] += event.delta
    return _led_by(replace(known, trunks=tuple(texts)), known.trunk)


def _led_by(known: Snapshot, trunk: int | None) -> Snapshot:
    """Return `known` with the thinking of the trunk that stands for the best answer; None: there is one trunk."""
    if trunk is None:
        return known
    thinking = known.trunks[trunk] if trunk < len(known.trunks) else ""
    return replace(known, thinking=thinking, trunk=trunk)


def _spent(budget: Budget | None, spent: int) -> Budget | None:
    return budget.model_copy(update={"spent": spent}) if budget else None
