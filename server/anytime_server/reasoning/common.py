"""What is one for a whole session, whether it has one trunk or several."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from anytime_server.reasoning.agreement import Agreement, Judge
from anytime_server.reasoning.deadline import Deadline
from anytime_server.reasoning.patience import Patience
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.speed import Speed
from anytime_server.reasoning.tally import Stopwatch

MAX_BRANCH_REQUESTS = 32
"""Engine requests that the branches of one session may have in flight, so that no session floods the engine."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How near a session is to its answer, as its deadline asks.

    Attributes:
        longest_interim: tokens of the longest interim answer so far, or the most of one before there is any.
        has_answer: whether there is an answer to settle for.
        answer_goes_out: whether a full answer has begun, which nobody who reads it would want to see replaced.
    """

    longest_interim: Callable[[], int]
    has_answer: Callable[[], bool]
    answer_goes_out: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Common:
    """What the trunks of a session have in common.

    Attributes:
        watch: counts since the session began.
        speed: of all sessions.
        agreement: tells which of its answers are the same.
        slots: of its branches, of which each asks for as many answers as it has samples.
        deadline: of its thinking.
        patience: with a silent engine.
    """

    watch: Stopwatch
    speed: Speed
    agreement: Agreement
    slots: asyncio.Semaphore
    deadline: Deadline
    patience: Patience

    @classmethod
    def of(
        cls,
        plan: Plan,
        judge: Judge | None,
        watch: Stopwatch | None,
        speed: Speed | None,
        close: Callable[[], None],
        outlook: Outlook,
    ) -> "Common":
        """Return what a session has.

        Args:
            plan: of the whole session.
            judge: helps to tell which answers agree.
            watch: its start is the deadline's; None starts one now.
            speed: of all sessions; None is that of this one alone.
            close: closes the thinking for the deadline.
            outlook: on its answer.
        """
        watch, speed = watch or Stopwatch(), speed or Speed()
        left_s = None if plan.deadline_s is None else max(0.0, plan.deadline_s - watch.elapsed_ms() / 1000)
        patience = Patience(left_s, outlook.has_answer, outlook.answer_goes_out)
        forced = len(plan.format.closing_ids) + len(plan.format.cue_ids)

        def answer_s(seconds_per_token: float) -> float:
            """Seconds from now on to an answer and the run's end: by its own speed, and what others took."""
            own_s = (forced + outlook.longest_interim()) * seconds_per_token
            short_s = max(own_s, speed.answer_s(short=True))
            full_s = 0.0 if plan.request.answer == "short" else speed.answer_s(short=False)
            return max(short_s, full_s) + patience.margin_s

        return cls(
            watch=watch,
            speed=speed,
            # A structured answer is compared as a whole, as text.
            agreement=Agreement(judge if plan.request.structured_outputs is None else None, plan.deadline_s),
            slots=asyncio.Semaphore(max(1, MAX_BRANCH_REQUESTS // plan.request.interim.samples)),
            deadline=Deadline(left_s, close, answer_s),
            patience=patience,
        )
