"""Several trunks deliberate: each thinks by itself, all vote at every checkpoint, until there is a reason to end it."""

import asyncio
from typing import Any

from anytime_client.protocol import BudgetChanged, CheckpointAnswer, CheckpointEvent, Event, ReasonResumed
from anytime_server.controller import DONE_BY, PruningRule, StopReason
from anytime_server.reasoning.panel.budget import SharedBudget, first_shares
from anytime_server.reasoning.panel.endings import ending
from anytime_server.reasoning.panel.member import Member, Ties
from anytime_server.reasoning.panel.rounds import Rounds
from anytime_server.reasoning.panel.view import PanelView
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.trunk.course import Course
from anytime_server.reasoning.trunk.intake import Publish


class Deliberation(PanelView):
    """Has the trunks think side by side, under a `course` that others may change meanwhile, and tells of their votes.

    The first trunk goes ahead by one token, so that the others find the prompt in the engine's prefix cache.
    """

    def __init__(self, plan: Plan, around: Surroundings, common: Common, publish: Publish, limit: int | None) -> None:
        """Prepare the trunks of `plan`; no more thinking is granted than `limit`."""
        self._id = common.session_id
        self._observer = around.observer
        self._publish = publish
        self._keeps_steps = common.keeps_steps
        self._news = asyncio.Event()
        self._led = False
        self._pruning = PruningRule(least=max(2, plan.request.first or 0)) if plan.request.prune else None
        course = Course(plan, around.settings.landing, limit)
        ties = Ties(self._tell_of, self._take_ballot, self._begin_others, self._tell_grant)
        shares, limits = first_shares(plan, plan.granted), first_shares(plan, course.granted)
        members = [
            Member(index, plan.of_trunk(index, share), around, common, ties, most)
            for index, (share, most) in enumerate(zip(shares, limits, strict=True))
        ]
        rounds = Rounds(members, common.agreement, common.watch)
        super().__init__(plan, members, rounds, course, common)
        self._budget = SharedBudget(plan, course, members, rounds)

    def flush(self) -> None:
        """Tell what was held back to be coalesced."""
        for member in self.members:
            member.flush()

    async def _think(self, group: asyncio.TaskGroup) -> StopReason:
        """Have the trunks think and vote until there is a reason to end that; return it."""
        self._led = False
        while True:
            await self._take_votes()
            self._tell_grant()
            done = len(self.rounds.finished)
            if (reason := ending(self.course, self.members, done, self._plan.request.first)) is not None:
                return reason
            self._set_off(group)
            await self._news.wait()
            self._news.clear()

    def _set_off(self, group: asyncio.TaskGroup) -> None:
        idle = [member for member in self.members if not member.is_done and not _is_busy(member)]
        if not self._led:
            idle = idle[:1] if not any(map(_is_busy, self.members)) else []
        for member in idle:
            member.task = group.create_task(member.think(group), name=f"{self._id} trunk {member.index}")
            member.task.add_done_callback(lambda _: self._news.set())

    def _begin_others(self) -> None:
        if not self._led:
            self._led = True
            self._news.set()

    async def _stop_thinking(self, reason: StopReason) -> None:
        for member in self.members:
            if not member.is_done:
                member.stop(reason)
        if busy := [member.task for member in self.members if member.task is not None]:
            await asyncio.wait(busy)

    # --- votes -------------------------------------------------------------------------------------------------------

    async def _take_votes(self) -> None:
        while not self.course.closing and (at := self.rounds.ready()) is not None:
            vote = await self.rounds.vote(at)
            self._tell_vote(vote, judge=True)

    def _tell_vote(self, vote: CheckpointAnswer, *, judge: bool = False) -> None:
        """Publish a vote; `judge` by it whether the thinking is to go on, and with which trunks."""
        self.watch.mark("first_answer_ms")
        self.flush()
        self.rounds.accept(vote)
        if judge:
            self._judge(vote.at)
        self._publish(CheckpointEvent, **vote.model_dump())
        self._observer.checkpoint(self._id, vote)

    def _judge(self, at: int) -> None:
        if (reason := self._plan.stopping(self.rounds.verdicts())) is not None:
            self.course.close(reason)
        elif self._pruning is not None:
            thinking = [member.index for member in self.members if member.reason is None]
            for index in self._pruning(self.rounds.outcomes(), thinking):
                self.members[index].pruned_at = at
                self.members[index].stop(StopReason.PRUNED)

    def _take_ballot(self, index: int, ballot: CheckpointAnswer | None) -> None:
        member = self.members[index]
        if member.has_ended and member.reason in DONE_BY:
            self.rounds.finished.append(index)
        if self._keeps_steps and ballot is not None:
            self.account.note(index, ballot)
        self._news.set()

    # --- what is told ------------------------------------------------------------------------------------------------

    def _tell_grant(self) -> None:
        """Tell of a grant that the load has changed, once it holds for all trunks."""
        if self._budget.settle():
            self.flush()
            self._publish(BudgetChanged, budget=self.course.budget(self.spent), checkpoints=self.due, cause="load")

    def _tell_of(self, index: int, event: type[Event], **fields: Any) -> None:
        if "spent" in fields:
            fields["spent"] = self.spent
        self._publish(event, trunk=index, **fields)
        if event is ReasonResumed:
            self._observer.resumed(self._id, fields["cause"], fields["downtime_ms"])


def _is_busy(member: Member) -> bool:
    return member.task is not None and not member.task.done()
