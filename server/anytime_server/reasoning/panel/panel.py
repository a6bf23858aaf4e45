"""Several trunks at work: one budget over all, a vote at every checkpoint, and one of them that answers in the end."""

import asyncio
from collections.abc import Mapping
from typing import Any

from anytime_client.protocol import (
    Answer,
    BudgetChanged,
    CheckpointAnswer,
    CheckpointEvent,
    Event,
    ReasonResumed,
)
from anytime_server.controller import PruningRule, StopReason
from anytime_server.reasoning.common import Common
from anytime_server.reasoning.course import Course
from anytime_server.reasoning.generation import Publish
from anytime_server.reasoning.panel.budget import SharedBudget, first_shares
from anytime_server.reasoning.panel.endings import DECIDED_BY_VOTE, ending
from anytime_server.reasoning.panel.member import Member, Ties
from anytime_server.reasoning.panel.rounds import Rounds
from anytime_server.reasoning.panel.view import PanelView
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.surroundings import Surroundings


class Panel(PanelView):
    """Generates with several trunks under a `course` that others may change meanwhile, as a `Generation` does with one.

    The first trunk goes ahead by one token, so that the others find the prompt in the engine's prefix cache.
    """

    def __init__(
        self, plan: Plan, around: Surroundings, common: Common, publish: Publish, limit: int | None = None
    ) -> None:
        """Prepare to generate with the trunks of `plan`; no more thinking is granted than `limit`."""
        self._plan = plan
        self._id = common.session_id
        self._observer = around.observer
        self._publish = publish
        self._keeps_steps = common.keeps_steps
        self._news = asyncio.Event()
        self._raised = False
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
        self._patience = common.patience
        self._budget = SharedBudget(plan, course, members, rounds)

    # --- what a session asks for -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Generate until the answer is whole.

        When the deadline has passed and the engine is silent, the latest vote is the answer.

        Raises:
            EngineError: if the engine fails; alone or in a group.
        """
        try:
            async with self._patience.limit(), asyncio.TaskGroup() as group:
                while await self._go_on(group):
                    pass
        except TimeoutError:
            self.course.stop_reason = self.course.stop_reason or StopReason.DEADLINE

    async def take_over(self, downtime_ms: float) -> None:
        """Run on after a restore: the server that ran the session was lost, or has handed it over."""
        self._publish(ReasonResumed, cause="server", spent=self.spent, downtime_ms=round(downtime_ms, 2))
        self._observer.resumed(self._id, "server", downtime_ms)
        if self.deadline.passed and self._best.settled_for_less:
            self.course.stop_reason = self.course.stop_reason or StopReason.DEADLINE
        else:
            await self.run()

    def close(self, reason: StopReason) -> None:
        """Close the thinking of all trunks at once; nothing to do when it has ended."""
        self.course.close(reason)
        self._news.set()

    def raise_to(self, budget: int, *, think_on: bool = False) -> None:
        """Grant `budget` thinking tokens as far as they fit; a run goes on, from its answer too.

        To `think_on` is to think one token more at least.
        """
        self._take_back_answer()
        self._budget.raise_to(budget, think_on=think_on)
        self._raised = True
        self._news.set()
        self.flush()

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; told once all trunks go by it."""
        self._budget.limit(tokens)

    def keep_answer(self, answer: Answer | None) -> None:
        """Keep the answer of a run that has completed, should a next one not get so far."""
        self._best.keep(answer)

    def settle(self) -> None:
        """Book what was generated and is not booked yet: closings of trunks that did not come to answer."""
        for member in self.members:
            member.settle()

    def end(self) -> None:
        """The run is over: no deadline any more, and no branches."""
        self.deadline.lift()
        self._patience.end()
        for member in self.members:
            member.interims.ground()

    def flush(self) -> None:
        """Tell what was held back to be coalesced."""
        for member in self.members:
            member.flush()

    # --- what a store keeps, and a restore goes by -------------------------------------------------------------------

    def account(self) -> dict[str, Any]:
        """See `PanelAccount.take`."""
        return self._account.take()

    def standing(self) -> dict[str, Any]:
        """See `PanelAccount.standing`."""
        return self._account.standing()

    def restore(self, event: Event, account: Mapping[str, Any]) -> None:
        """See `PanelAccount.restore`."""
        self._account.restore(event, account)

    # --- a run -------------------------------------------------------------------------------------------------------

    async def _go_on(self, group: asyncio.TaskGroup) -> bool:
        """Think, decide and answer; return whether the budget was raised meanwhile, and all of it must follow again."""
        self._raised = False
        if self._account.speaker is None:
            reason = await self._think(group)
            await self._stop_thinking(reason)
            if not self._raised:
                await self._elect(reason)
        if self._account.speaker is not None:
            speaker = self.members[self._account.speaker]
            speaker.task = group.create_task(speaker.answer(group), name=f"{self._id} answers")
            await asyncio.wait([speaker.task])
        return self._raised

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

    async def _elect(self, reason: StopReason) -> None:
        """Find who answers, by the vote that decides; by the longest trunk if nobody has voted."""
        vote = self.rounds.answers[-1] if reason in DECIDED_BY_VOTE else await self._last_vote(reason)
        if self._raised:
            return
        longest = max(self.members, key=lambda member: member.spent).index
        self._account.speaker = longest if vote is None or vote.trunk is None else vote.trunk
        self.course.stop_reason = reason
        if vote is not None and self.rounds.is_news(vote):
            self._tell_vote(vote)

    async def _last_vote(self, reason: StopReason) -> CheckpointAnswer | None:
        among = self.rounds.finished[: self._plan.request.first] if reason is StopReason.FIRST else None
        if all(member.ballot() is None for member in self.members):
            return None
        return await self.rounds.vote(max(member.spent for member in self.members), newest=True, among=among)

    def _take_back_answer(self) -> None:
        if self._account.speaker is not None:
            speaker = self.members[self._account.speaker]
            speaker.take_back()
            speaker.let_go()
            self._account.speaker = None

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
        if member.has_ended and member.reason is not StopReason.LOOP:
            self.rounds.finished.append(index)
        if self._keeps_steps and ballot is not None:
            self._account.note(index, ballot)
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
