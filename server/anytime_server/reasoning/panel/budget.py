"""The one budget of several trunks: who may think how far under it, when it is raised and when the load lowers it."""

from collections.abc import Sequence

from anytime_server.controller import StopReason, share_evenly
from anytime_server.reasoning.panel.member import Member
from anytime_server.reasoning.panel.rounds import Rounds
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.trunk.course import Course


def first_shares(plan: Plan, granted: int) -> tuple[int, ...]:
    """Return what each trunk of a plan may think when so much is granted at the start."""
    return share_evenly(granted, [0] * plan.trunks, plan.largest_share)


class SharedBudget:
    """Divides what the `course` grants among the trunks, and schedules their checkpoints by what the longest has."""

    def __init__(self, plan: Plan, course: Course, members: Sequence[Member], rounds: Rounds) -> None:
        """Divide among the `members`, which vote in `rounds`."""
        self._plan = plan
        self._course = course
        self._members = members
        self._rounds = rounds
        self._rounds.schedule(plan.schedule(course.granted // plan.trunks).at)
        self._schedule(members)

    @property
    def spent(self) -> int:
        """Thinking tokens of all trunks."""
        return sum(member.spent for member in self._members)

    def raise_to(self, budget: int, *, think_on: bool) -> None:
        """Grant `budget` as far as it fits, and divide what is left of it among those that `_to_think_on`.

        To `think_on` is to think one token more at least.
        """
        self._course.raise_to(budget, self.spent, think_on=think_on)
        on = self._to_think_on()
        shares = self._divided(self._course.granted, on)
        self._course.fit(self.spent + sum(shares) - sum(member.spent for member in on))
        lengths = self._lengths(on, max(shares))
        for member, share in zip(on, shares, strict=True):
            if share > member.spent or not member.is_done:
                member.think_on(share, lengths, further=think_on)
        self._rounds.schedule(lengths)
        self._rounds.finished = [index for index in self._rounds.finished if self._members[index].is_done]

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; those that think divide it.

        None of them gets more than the share that it would have on an idle server. Each goes by it from its next leg
        on, and `settle` finds when it is so.
        """
        if self._course.limit(tokens):
            thinking = self._thinking()
            shares = self._divided(self._course.within_limit(self.spent), thinking)
            for member, share in zip(thinking, shares, strict=True):
                member.limit(share)

    def settle(self) -> bool:
        """Let the grant be what the trunks go by; return whether that changes it.

        It is raised with the first of them, and lowered once all of them go by it: no more is spent at any time.
        """
        thinking = self._thinking()
        taken = self.spent + sum(member.course.granted - member.spent for member in thinking)
        granted, before = self._course.within_limit(taken), self._course.granted
        if granted == before or (granted < before and any(member.course.changed for member in thinking)):
            return False
        self._course.granted = granted
        coming = [member.course.within_limit(member.spent) for member in thinking]
        longest = max(*coming, *(member.spent for member in self._members))
        if granted < before:
            self._rounds.due = tuple(at for at in self._rounds.due if at <= longest)
        else:
            self._rounds.due = self._lengths(thinking, longest)
        self._schedule(thinking)
        return True

    def _thinking(self) -> list[Member]:
        return [member for member in self._members if not member.is_done and member.reason is None]

    def _to_think_on(self) -> list[Member]:
        """Those that still think or were cut; or if there are none, those that ended by themselves. No pruned ones."""
        left = [member for member in self._members if member.reason is not StopReason.PRUNED]
        return [member for member in left if member.reason is not StopReason.NATURAL] or left

    def _divided(self, granted: int, among: Sequence[Member]) -> tuple[int, ...]:
        rest = self.spent - sum(member.spent for member in among)
        return share_evenly(granted - rest, [member.spent for member in among], self._plan.largest_share)

    def _lengths(self, thinking: Sequence[Member], longest: int) -> tuple[int, ...]:
        """Return the checkpoints that are due where they were, and those of the schedule that none has come to yet."""
        voted = self._rounds.answers[-1].at if self._rounds.answers else -1
        reached = max(voted, *(member.spent for member in thinking), -1)
        pending = [at for at in self._rounds.due if at <= reached]
        return (*pending, *(at for at in self._plan.schedule(longest).at if at > reached))

    def _schedule(self, members: Sequence[Member]) -> None:
        for member in members:
            # One that stands at a checkpoint may have to branch there yet.
            member.interims.schedule_at(self._rounds.due, beyond=member.spent - 1)
