"""What is one for a whole session, whether it has one trunk or several."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from anytime_client.protocol import CheckpointAnswer
from anytime_server.controller import StopReason
from anytime_server.reasoning.answers.agreement import Agreement
from anytime_server.reasoning.deadlines.deadline import Deadline
from anytime_server.reasoning.deadlines.patience import Patience
from anytime_server.reasoning.surroundings.beginning import Beginning
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.surroundings.tally import Stopwatch

MAX_BRANCH_REQUESTS = 32
"""Engine requests that the branches of one session may have in flight, so that no session floods the engine."""


class Answering(Protocol):
    """What works on a session's answer, as the deadline sees it."""

    @property
    def answers(self) -> Sequence[CheckpointAnswer]:
        """The interim answers so far: one to settle for, if there is any."""

    @property
    def longest_interim(self) -> int:
        """Tokens of the longest interim answer so far, or the most of one before there is any."""

    def answer_goes_out(self) -> bool:
        """Return whether a full answer has begun, which nobody who reads it would want to see replaced."""

    def close(self, reason: StopReason) -> None:
        """Close the thinking at the next token."""


@dataclass(frozen=True, slots=True)
class Common:
    """What the trunks of a session have in common.

    Attributes:
        session_id: whose trunks they are.
        keeps_steps: whether a store keeps what they do.
        watch: counts since the session began.
        agreement: tells which of its answers are the same.
        slots: of its branches, of which each asks for as many answers as it has samples.
        deadline: of its thinking.
        patience: with a silent engine.
    """

    session_id: str
    keeps_steps: bool
    watch: Stopwatch
    agreement: Agreement
    slots: asyncio.Semaphore
    deadline: Deadline
    patience: Patience

    def end_run(self) -> None:
        """Have no deadline any more."""
        self.deadline.lift()
        self.patience.end()

    @classmethod
    def of(
        cls, beginning: Beginning, around: Surroundings, answering: Callable[[], Answering], *, keeps_steps: bool
    ) -> "Common":
        """Return what a session has.

        Args:
            beginning: of the session.
            around: what all sessions have.
            answering: returns what works on the answer; it needs to be there only once the event loop goes on.
            keeps_steps: whether a store keeps what the trunks do.
        """
        plan, watch = beginning.plan, Stopwatch(beginning.at)
        left_s = None if plan.deadline_s is None else max(0.0, plan.deadline_s - watch.elapsed_ms() / 1000)
        patience = Patience(left_s, lambda: bool(answering().answers), lambda: answering().answer_goes_out())

        def answer_s(seconds_per_token: float) -> float:
            """Seconds from now on to an answer and the run's end: by its own speed, and what others took."""
            own_s = (plan.format.forced_tokens + answering().longest_interim) * seconds_per_token
            short_s = max(own_s, around.speed.answer_s(short=True))
            full_s = 0.0 if plan.request.answer == "short" else around.speed.answer_s(short=False)
            return max(short_s, full_s) + patience.margin_s

        return cls(
            session_id=beginning.id,
            keeps_steps=keeps_steps,
            watch=watch,
            # A structured answer is compared as a whole, as text.
            agreement=Agreement(around.judge if plan.request.structured_outputs is None else None, plan.deadline_s),
            slots=asyncio.Semaphore(max(1, MAX_BRANCH_REQUESTS // plan.request.interim.samples)),
            deadline=Deadline(left_s, lambda: answering().close(StopReason.DEADLINE), answer_s),
            patience=patience,
        )
