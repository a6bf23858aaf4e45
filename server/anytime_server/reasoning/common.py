"""What is one for a whole session, whether it has one trunk or several."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from anytime_server.reasoning.agreement import Agreement, Judge
from anytime_server.reasoning.deadline import Deadline
from anytime_server.reasoning.interims import branch_slots
from anytime_server.reasoning.patience import Patience
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.tally import Stopwatch


@dataclass(frozen=True, slots=True)
class Common:
    """What the trunks of a session have in common.

    Attributes:
        watch: counts since the session began.
        agreement: tells which of its answers are the same.
        slots: of its branches.
        deadline: of its thinking.
        patience: with a silent engine.
    """

    watch: Stopwatch
    agreement: Agreement
    slots: asyncio.Semaphore
    deadline: Deadline
    patience: Patience

    @classmethod
    def of(
        cls,
        plan: Plan,
        judge: Judge | None,
        watch: Stopwatch,
        *,
        close: Callable[[], None],
        longest_interim: Callable[[], int],
        has_answer: Callable[[], bool],
    ) -> "Common":
        """Return what a session under `plan` has, which began with its `watch`.

        Args:
            plan: of the whole session.
            judge: helps to tell which answers agree.
            watch: its start is the deadline's.
            close: closes the thinking for the deadline.
            longest_interim: tokens of the longest interim answer so far.
            has_answer: whether there is an answer to settle for.
        """
        left_s = None if plan.deadline_s is None else max(0.0, plan.deadline_s - watch.elapsed_ms() / 1000)
        forced = len(plan.format.closing_ids) + len(plan.format.cue_ids)
        deadline = Deadline(left_s, close, answer_tokens=lambda: forced + longest_interim())
        # A structured answer is compared as a whole, as text.
        agreement = Agreement(judge if plan.request.structured_outputs is None else None, plan.deadline_s)
        return cls(watch, agreement, branch_slots(plan), deadline, Patience(deadline.at, has_answer))
