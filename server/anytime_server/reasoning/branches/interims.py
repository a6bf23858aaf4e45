"""The interim answers of a session: which are due, branched off the trunk side by side, published in order."""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

from anytime_client.protocol import CheckpointAnswer
from anytime_server.controller import InterimVerdict
from anytime_server.errors import EngineDied
from anytime_server.reasoning.answers.majority import Draft, Vote, majority
from anytime_server.reasoning.branches.branch import BranchResult, answer_on, prompt_at
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.surroundings.tally import Tally


class InterimAnswers:
    """Branches never hold up the trunk; each publishes its answer once every earlier one has."""

    def __init__(
        self,
        plan: Plan,
        around: Surroundings,
        common: Common,
        tally: Tally,
        publish: Callable[[CheckpointAnswer], None],
    ) -> None:
        """Start with nothing due.

        Costs go to `tally`, answers to `publish`, which has them accepted.
        """
        self.answers: list[CheckpointAnswer] = []
        self.due: tuple[int, ...] = ()
        self._session_id = common.session_id
        self._plan = plan
        self._engine = around.engine
        self._tally = tally
        self._watch = common.watch
        self._publish = publish
        self._agreement = common.agreement
        self._speed = around.speed
        self._branched = -1
        self._flying: list[int] = []
        self._settled_from = 0
        self._slots = common.slots
        self._tasks: set[asyncio.Task[None]] = set()
        self._last: asyncio.Task[None] | None = None

    def schedule(self, granted: int, beyond: int = -1) -> None:
        """Set what is due under a grant: checkpoints not branched yet, and beyond so many thinking tokens.

        For how long an answer has stood is counted anew from here.
        """
        self.schedule_at(self._plan.schedule(granted).at, beyond)

    def schedule_at(self, lengths: Sequence[int], beyond: int = -1) -> None:
        """Set what is due to those of the `lengths` that `schedule` would."""
        self._settled_from = len(self.answers)
        self._set_due(lengths, beyond)

    def shorten(self, granted: int) -> None:
        """Let go of what is due beyond a grant that the load has lowered."""
        self.due = tuple(at for at in self.due if at <= granted)

    def lengthen(self, granted: int, beyond: int) -> None:
        """Set what is due under a grant that is raised again, beyond so many thinking tokens."""
        self._set_due(self._plan.schedule(granted).at, beyond)

    def branch_due(self, trunk_ids: Sequence[int], group: asyncio.TaskGroup) -> bool:
        """Branch at every due checkpoint that the trunk has reached; return whether there was one."""
        found = False
        while self.due and self.due[0] <= len(trunk_ids):
            at, *rest = self.due
            self.due, self._branched, found = tuple(rest), max(at, self._branched), True
            self._flying.append(at)
            self._last = group.create_task(
                self._branch(at, list(trunk_ids[:at]), self._last), name=f"{self._session_id}@{at}"
            )
            self._tasks.add(self._last)
            self._last.add_done_callback(self._tasks.discard)
        return found

    def abandon(self) -> None:
        """Give up the branches that have not published, and branch no more."""
        self.due = ()
        self.ground()
        for task in self._tasks:
            task.cancel()

    @property
    def longest(self) -> int:
        """Tokens of the longest interim answer so far; the most one may have, until there is one."""
        samples = self._plan.request.interim.samples
        lengths = [math.ceil(answer.interim_tokens / samples) for answer in self.answers]
        return max(lengths, default=self._plan.max_interim_tokens)

    def accept(self, answer: CheckpointAnswer) -> None:
        """Take in an answer that is published now."""
        self._flying = [at for at in self._flying if at != answer.at]
        self.answers.append(answer)

    def ground(self) -> None:
        """Forget the branches that have not published: the run is over."""
        self._flying = []

    def standing(self) -> list[Any]:
        """Return, as JSON, what a restore needs besides the answers."""
        return [list(self.due), list(self._flying), self._branched, self._settled_from]

    def restore(self, standing: list[Any]) -> None:
        """Be as `standing` says; what was branched and has not published is due again."""
        due, flying, self._branched, self._settled_from = standing
        self.due = tuple(sorted({*due, *flying}))

    async def finished(self) -> None:
        """Wait until every branch has published or failed."""
        if self._last is not None:
            await asyncio.wait([self._last])

    def verdicts(self) -> list[InterimVerdict]:
        """Return what the stopping rules look at."""
        return [InterimVerdict(answer.confidence, answer.stable_for, answer.at) for answer in self.answers]

    async def answer_on(self, prompt_ids: tuple[int, ...], at: int, name: str) -> CheckpointAnswer:
        """Return the answer on a prompt with `at` thinking tokens: of a branch by `name` that is no checkpoint's."""
        vote, cost = await self._asked(prompt_ids, name)
        await self._settle_with_last(vote)
        return self._answer(at, vote, cost)

    def _set_due(self, lengths: Sequence[int], beyond: int) -> None:
        start = max(beyond, self._branched)
        self.due = tuple(at for at in lengths if at > start)

    async def _branch(self, at: int, trunk_ids: list[int], earlier: asyncio.Task[None] | None) -> None:
        vote, cost = await self._asked(prompt_at(at, trunk_ids, self._plan), str(at))
        if earlier is not None:
            await asyncio.wait([earlier])
        await self._settle_with_last(vote)
        self._publish(self._answer(at, vote, cost))

    async def _asked(self, prompt_ids: tuple[int, ...], name: str) -> tuple[Vote, Tally]:
        """Return what the drafts on a prompt come to, and what they cost."""
        result, drafts = await self._drafts(prompt_ids, name)
        await self._agreement.settle(*(draft.value for draft in drafts))
        return majority(drafts, self._agreement.same), result.cost

    async def _settle_with_last(self, vote: Vote) -> None:
        if self.answers:
            await self._agreement.settle(self.answers[-1].value, vote.draft.value)

    async def _drafts(self, prompt_ids: tuple[int, ...], name: str) -> tuple[BranchResult, list[Draft]]:
        """Sample the drafts of a branch; should the engine die meanwhile, all of them once more when it is back."""
        while True:
            result = BranchResult(self._plan.request.interim.samples)
            try:
                async with self._slots:
                    with self._speed.branch():
                        drafts = await answer_on(prompt_ids, name, self._plan, self._engine, self._session_id, result)
                return result, drafts
            except EngineDied:
                await self._engine.alive()
            finally:
                self._tally.add(result.cost)

    def _answer(self, at: int, vote: Vote, cost: Tally) -> CheckpointAnswer:
        return CheckpointAnswer(
            at=at,
            answer=vote.draft.text,
            value=vote.draft.value,
            confidence=vote.confidence,
            votes=vote.votes,
            samples=self._plan.request.interim.samples,
            stable_for=self._agreement.stable_for(vote.draft.value, self.answers[self._settled_from :]),
            elapsed_ms=self._watch.elapsed_ms(),
            interim_tokens=cost.interim,
            computed_tokens=cost.computed,
            cached_tokens=cost.cached,
        )
