"""What a log entry says of several trunks: the account of each, and what they have decided together."""

from collections.abc import Mapping, Sequence
from typing import Any

from anytime_client.protocol import CheckpointAnswer, CheckpointEvent, Event, ReasonCompleted
from anytime_server.reasoning.answers.best import BestAnswer
from anytime_server.reasoning.panel.member import Member
from anytime_server.reasoning.panel.rounds import Rounds
from anytime_server.reasoning.trunk.course import Course


class PanelAccount:
    """The books of a panel, kept over its parts."""

    def __init__(self, members: Sequence[Member], course: Course, rounds: Rounds, best: BestAnswer) -> None:
        """Nothing is told yet."""
        self._members = members
        self._course = course
        self._rounds = rounds
        self._best = best
        self._told: dict[str, Any] = {}
        self._cast: list[tuple[int, Any]] = []
        self.speaker: int | None = None

    def note(self, index: int, ballot: CheckpointAnswer) -> None:
        """Note a ballot that a trunk has cast."""
        self._cast.append((index, ballot.model_dump(mode="json")))

    def take(self) -> dict[str, Any]:
        """Return, as JSON, what was done since the last call."""
        standing = self._own_standing()
        changed = {name: value for name, value in standing.items() if self._told.get(name) != value}
        self._told = standing
        if self._cast:
            changed["ballots"], self._cast = self._cast, []
        trunks = {str(member.index): account for member in self._members if (account := member.account.take())}
        return {**changed, "trunks": trunks} if trunks else changed

    def standing(self) -> dict[str, Any]:
        """Return, as JSON, all that does not follow from the steps."""
        return {**self._own_standing(), "trunks": [member.account.standing() for member in self._members]}

    def restore(self, event: Event, account: Mapping[str, Any]) -> None:
        """Be as the session was when it had told `event`, with what `take` returned then.

        Raises:
            ValueError: if the same steps lead to another event here.
        """
        for index, ballot in account.get("ballots", ()):
            self._members[index].interims.accept(CheckpointAnswer.model_validate(ballot))
        trunks, told_by = account.get("trunks", {}), getattr(event, "trunk", None)
        for member in self._members:
            own = event if member.index == told_by and not isinstance(event, CheckpointEvent) else None
            member.account.restore(own, trunks.get(str(member.index), {}))
        if isinstance(event, CheckpointEvent):
            self._rounds.answers.append(event.as_answer())
        if isinstance(event, ReasonCompleted):
            self._best.keep(event.document.answer)
        self._restore_standing(account)

    def _own_standing(self) -> dict[str, Any]:
        return {
            "course": self._course.standing(),
            "rounds": self._rounds.standing(),
            "members": [member.membership() for member in self._members],
            "speaker": self.speaker,
        }

    def _restore_standing(self, account: Mapping[str, Any]) -> None:
        if "course" in account:
            self._course.restore(account["course"])
        if "rounds" in account:
            self._rounds.restore(account["rounds"])
        for member, membership in zip(self._members, account.get("members", ()), strict=False):
            member.restore_membership(membership)
        if "speaker" in account:
            self.speaker = account["speaker"]
