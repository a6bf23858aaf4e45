"""Several trunks at work: one budget over all, a vote at every checkpoint, and one of them that answers in the end."""

import asyncio

from anytime_client.protocol import CheckpointAnswer, ReasonResumed
from anytime_server.controller import StopReason
from anytime_server.reasoning.panel.deliberation import Deliberation
from anytime_server.reasoning.panel.endings import DECIDED_BY_VOTE


class Panel(Deliberation):
    """Generates with several trunks, as a `Generation` does with one: they deliberate, and one of them answers."""

    _raised = False

    # --- what a session asks for -------------------------------------------------------------------------------------

    async def go_on(self, group: asyncio.TaskGroup) -> bool:
        """Think, decide and answer; return whether the budget was raised meanwhile, and all of it must follow again.

        Raises:
            EngineError: if the engine fails; in a group.
        """
        self._raised = False
        if self.account.speaker is None:
            reason = await self._think(group)
            await self._stop_thinking(reason)
            if not self._raised:
                await self._elect(reason)
        if self.account.speaker is not None:
            speaker = self.members[self.account.speaker]
            speaker.task = group.create_task(speaker.answer(group), name=f"{self._id} answers")
            await asyncio.wait([speaker.task])
        return self._raised

    def resume(self, downtime_ms: float) -> None:
        """Tell that they go on after a restore: the server that ran the session was lost, or has handed it over."""
        self._publish(ReasonResumed, cause="server", spent=self.spent, downtime_ms=round(downtime_ms, 2))
        self._observer.resumed(self._id, "server", downtime_ms)

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

    def settle(self) -> None:
        """Book what was generated and is not booked yet: closings of trunks that did not come to answer."""
        for member in self.members:
            member.settle()

    def ground(self) -> None:
        """Forget the branches that have not published, at the end of a run."""
        for member in self.members:
            member.ground()

    # --- who answers -------------------------------------------------------------------------------------------------

    async def _elect(self, reason: StopReason) -> None:
        """Find who answers, by the vote that decides; by the longest trunk if nobody has voted."""
        vote = self.rounds.answers[-1] if reason in DECIDED_BY_VOTE else await self._last_vote(reason)
        if self._raised:
            return
        longest = max(self.members, key=lambda member: member.spent).index
        self.account.speaker = longest if vote is None or vote.trunk is None else vote.trunk
        self.course.stop_reason = reason
        if vote is not None and self.rounds.is_news(vote):
            self._tell_vote(vote)

    async def _last_vote(self, reason: StopReason) -> CheckpointAnswer | None:
        first, done = self._plan.request.first, self.rounds.finished
        among = done[:first] if reason is StopReason.FIRST and len(done) >= (first or 0) else None
        if all(member.ballot() is None for member in self.members):
            return None
        return await self.rounds.vote(max(member.spent for member in self.members), newest=True, among=among)

    def _take_back_answer(self) -> None:
        if self.account.speaker is not None:
            speaker = self.members[self.account.speaker]
            speaker.take_back()
            speaker.let_go()
            self.account.speaker = None
