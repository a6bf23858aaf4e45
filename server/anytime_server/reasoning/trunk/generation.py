"""What is generated for a session with one trunk: thinking, the interim answers branched off it, the final answer."""

from typing import Literal

from anytime_client.protocol import BudgetChanged, CheckpointAnswer, CheckpointEvent, ReasonResumed
from anytime_server.controller import StopReason
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.trunk.intake import Publish
from anytime_server.reasoning.trunk.legs import Legs


class Generation(Legs):
    """The legs of the only trunk: what they come to is told as the session's own, and judged by its rules."""

    def __init__(self, plan: Plan, around: Surroundings, common: Common, publish: Publish, limit: int | None) -> None:
        """Prepare to generate; no more thinking is granted than `limit`."""
        super().__init__(plan, around, common, publish, limit)
        self._id = common.session_id
        self._observer = around.observer

    def close(self, reason: StopReason) -> None:
        """Close the thinking at the next token; nothing to do once it has ended."""
        self.course.close(reason)

    def raise_to(self, budget: int, *, think_on: bool = False) -> None:
        """Grant `budget` thinking tokens as far as they fit; a run goes on, from its answer too.

        To `think_on` is to think one token more at least.
        """
        self.course.raise_to(budget, self.spent, think_on=think_on)
        self._vigil.pass_over(self.trunk.ids)
        self.interims.schedule(self.course.granted, beyond=self.spent)
        self.flush()

    def resume(self, downtime_ms: float) -> None:
        """Tell that it goes on after a restore: the server that ran the session was lost, or has handed it over."""
        self._measured.go_on_from(self.spent)
        self._tell_resumed("server", downtime_ms)

    def _regranted(self, before: int) -> None:
        """Tell of a grant that the load has changed."""
        if self.course.granted == before:
            return
        if self.course.granted < before:
            self.interims.shorten(self.course.granted)
        else:
            self.interims.lengthen(self.course.granted, self.spent)
        self.flush()
        self._publish(BudgetChanged, budget=self.course.budget(self.spent), checkpoints=self.due, cause="load")

    def _tell_leg(self) -> None:
        self._observer.leg(self._id, self.transcript.legs)

    def _tell_resumed(self, cause: Literal["engine", "server"], downtime_ms: float) -> None:
        self._publish(ReasonResumed, cause=cause, spent=self.spent, downtime_ms=round(downtime_ms, 2))
        self._observer.resumed(self._id, cause, downtime_ms)

    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        self.watch.mark("first_answer_ms")
        self.flush()
        self.interims.accept(answer)
        self._publish(CheckpointEvent, **answer.model_dump())
        self._observer.checkpoint(self._id, answer)
        if (reason := self._plan.stopping(self.interims.verdicts())) is not None:
            self.close(reason)
