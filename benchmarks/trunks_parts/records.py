"""Full trunks: sessions that were never stopped, with what each trunk would have said at every checkpoint."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from anytime_client.protocol import ReasonDocument, ReasonRequest
from anytime_server.controller import DONE_BY
from anytime_server.reasoning import Reasoner
from anytime_training.evaluation.questions import QuestionSet
from harness.measure import BenchmarkError

SHORT_ANSWER = 16
"""Tokens of an interim answer at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """A ballot of a trunk: at how many of its thinking tokens, for what, how sure, and whether that is right (0..1)."""

    at: int
    value: str | None
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Thought:
    """One full trunk: its length, its ballots in order (the last one is that of its end), and whether it was done."""

    length: int
    said: tuple[Said, ...]
    done: bool

    def by(self, at: int) -> Said | None:
        """Return what it said last by so many tokens."""
        return next((one for one in reversed(self.said) if one.at <= at), None)


@dataclass(frozen=True, slots=True)
class Record:
    """All trunks of one question."""

    family: str
    thoughts: tuple[Thought, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How sessions are asked.

    Attributes:
        trunks: of each.
        longest: thinking tokens of a trunk.
        every: tokens from checkpoint to checkpoint.
        seed: of the first session.
        sessions: that run at a time.
    """

    trunks: int = 8
    longest: int = 192
    every: int = 12
    seed: int = 1
    sessions: int = 4

    def request(self, prompt: str, number: int, **more: object) -> ReasonRequest:
        """Return the request of question `number`."""
        fields = {
            "prompt": prompt,
            "trunks": self.trunks,
            "budget": self.trunks * self.longest,
            "checkpoints": {"every": self.every},
            "interim": {"max_tokens": SHORT_ANSWER},
            "temperature": 1.0,
            "seed": self.seed * 1_000_003 + number,
            "answer": "short",
            **more,
        }
        return ReasonRequest.model_validate(fields)


async def documents(
    reasoner: Reasoner, questions: QuestionSet, settings: Settings, **more: object
) -> list[ReasonDocument]:
    """Ask every question in a session of its own; return their documents.

    Raises:
        BenchmarkError: if a session fails.
    """
    places = asyncio.Semaphore(settings.sessions)

    async def one(number: int, prompt: object) -> ReasonDocument:
        async with places:
            document = await reasoner.submit(settings.request(str(prompt), number, **more)).wait()
        if document.status != "completed":
            raise BenchmarkError(f"a session ended {document.status}: {document.error}")
        return document

    return list(await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(questions.prompts))))


def records(questions: QuestionSet, done: Sequence[ReasonDocument]) -> list[Record]:
    """Return what full sessions tell of each question's trunks."""
    return [_record(questions, number, document) for number, document in enumerate(done)]


def _record(questions: QuestionSet, number: int, document: ReasonDocument) -> Record:
    trunks = document.trunks or ()
    ballots: dict[int, dict[tuple[int, str | None], Said]] = {trunk.trunk: {} for trunk in trunks}
    for vote in document.checkpoints:
        for one in vote.ballots or ():
            (right,) = questions.judge([number], [one.value or ""])
            ballots[one.trunk][one.at, one.value] = Said(one.at, one.value, one.confidence, right)
    thoughts = tuple(
        Thought(trunk.spent, tuple(ballots[trunk.trunk].values()), trunk.stop_reason in DONE_BY) for trunk in trunks
    )
    return Record(questions.family, thoughts)
