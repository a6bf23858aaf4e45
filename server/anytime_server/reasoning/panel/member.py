"""One of several trunks: it thinks as the only one of a session does, and answers only if it is asked to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from anytime_client.protocol import CheckpointAnswer, Event, ReasonResumed, ThinkingDelta, TrunkReport
from anytime_server.controller import StopReason
from anytime_server.engines import Chunk
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.trunk.legs import Legs

CUT = (StopReason.BUDGET, StopReason.LOAD)
"""Why the thinking of a trunk ends at a length that was known before."""


@dataclass(frozen=True, slots=True)
class Ties:
    """How a trunk is tied to the others.

    Attributes:
        tell: publishes an event: called with the trunk's index, the event's type, and its fields.
        cast: told of each ballot, with the trunk's index; None is its last one again, now as that of its end.
        heard: called at every chunk of the engine's.
        regranted: called when a leg begins, and so goes by the latest grant.
    """

    tell: Callable[..., None]
    cast: Callable[[int, CheckpointAnswer | None], None]
    heard: Callable[[], None]
    regranted: Callable[[], None]


class Member(Legs):
    """A trunk that casts a ballot at each checkpoint, and one where its thinking has ended.

    Attributes:
        index: which trunk it is.
        has_ended: whether its newest ballot is that of its end.
        stopped: whether it was made to stop.
        pruned_at: the checkpoint at which it was given up; its later ballots don't count.
        task: what it does now.
    """

    holds = True

    def __init__(self, index: int, plan: Plan, around: Surroundings, common: Common, ties: Ties, limit: int) -> None:
        """Prepare to think under `plan`, that of this trunk alone, and no more than `limit` tokens."""
        super().__init__(plan, around, common, self._tell, limit)
        self.index = index
        self.has_ended = False
        self.stopped = False
        self.pruned_at: int | None = None
        self.task: asyncio.Task[None] | None = None
        self._ties = ties

    @property
    def is_done(self) -> bool:
        """Whether it has nothing to say any more but the answer."""
        return self.has_ended or self.stopped

    @property
    def reason(self) -> StopReason | None:
        """Why its thinking ended."""
        return self.course.reason

    def ballot(self, by: int | None = None) -> CheckpointAnswer | None:
        """Return its newest ballot, cast at `by` thinking tokens at the latest."""
        latest = min((limit for limit in (by, self.pruned_at) if limit is not None), default=None)
        said = (answer for answer in reversed(self.interims.answers) if latest is None or answer.at <= latest)
        return next(said, None)

    def is_awaited(self, at: int) -> bool:
        """Whether it has still to say what it thinks by the checkpoint `at`."""
        return not self.is_done and not any(answer.at >= at for answer in reversed(self.interims.answers))

    async def think(self, branches: asyncio.TaskGroup) -> None:
        """Think until the thinking has ended, and cast the ballot of its end.

        Raises:
            EngineError: if the engine fails.
        """
        while not self.is_done:
            while await self.go_on(branches):
                pass
            await self._cast_last()

    async def answer(self, branches: asyncio.TaskGroup) -> None:
        """Write the answer, from where the thinking stands.

        Raises:
            EngineError: if the engine fails.
        """
        self.holds = False
        self._measured.thought()
        if not self._answers_now() or self.transcript.leg.booked:
            self.course.close_where_it_stands()
        elif not self.transcript.leg.answers:
            self.transcript.go_on_to_answer()
        while await self.go_on(branches):
            pass

    def stop(self, reason: StopReason) -> None:
        """Think no more, from now on; nobody waits for what it has still to say."""
        self.stopped = True
        self.course.stop(reason)
        self.interims.abandon()
        self.let_go()

    def think_on(self, share: int, lengths: Sequence[int], *, further: bool) -> None:
        """Think on up to `share` tokens, with ballots at the `lengths`; one token `further` at least, if that is so."""
        self.has_ended, self.stopped, self.holds = False, False, True
        self.course.raise_to(share, self.spent, think_on=further)
        self._vigil.pass_over(self.trunk.ids)
        self.interims.schedule_at([at for at in lengths if at <= share], beyond=self.spent)
        self.flush()

    def take_back(self) -> None:
        """Let what it has answered count for nothing, for it may have to answer anew."""
        self.holds = True
        self.course.close_where_it_stands()

    def let_go(self) -> None:
        """Break off what it does."""
        if self.task is not None:
            self.task.cancel()

    def report(self) -> TrunkReport:
        """Return how it stands."""
        said, reason = self.ballot(), self.reason
        return TrunkReport(
            trunk=self.index,
            thinking=self.thinking,
            spent=self.spent,
            share=self.course.granted,
            stop_reason=reason.value if reason else None,
            value=said.value if said else None,
            confidence=said.confidence if said else None,
            usage=self.usage(),
        )

    def membership(self) -> list[Any]:
        """Return, as JSON, how it stands among the others."""
        return [self.has_ended, self.stopped, self.pruned_at]

    def restore_membership(self, membership: list[Any]) -> None:
        """Be as `membership` says."""
        self.has_ended, self.stopped, self.pruned_at = membership

    async def _cast_last(self) -> None:
        cut_at_ballot = self.reason in CUT and any(a.at == self.spent for a in self.interims.answers[-1:])
        last = None
        if not cut_at_ballot:
            last = await self.interims.answer_on(self.trunk.cued_prompt(), self.spent, "end")
            self.interims.accept(last)
        # It may have got more to think meanwhile.
        self.has_ended = not self.course.changed
        self._ties.cast(self.index, last)

    def _regranted(self, before: int) -> None:
        self._ties.regranted()

    def _tell_leg(self) -> None:
        """Tell nobody: what is counted are the legs of the only trunk of a session."""

    def _tell_resumed(self, cause: Literal["engine", "server"], downtime_ms: float) -> None:
        self._tell(ReasonResumed, cause=cause, spent=self.spent, downtime_ms=round(downtime_ms, 2))

    def _take(self, chunk: Chunk, branches: asyncio.TaskGroup) -> None:
        super()._take(chunk, branches)
        self._ties.heard()

    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        self.interims.accept(answer)
        self._ties.cast(self.index, answer)

    def _tell(self, event: type[Event], **fields: Any) -> None:
        if event is ThinkingDelta:
            fields["trunk_spent"] = self.spent
        self._ties.tell(self.index, event, **fields)
