"""The votes of several trunks: one at each checkpoint, once each of them has said what it thinks by then."""

from collections.abc import Sequence
from typing import Any

from anytime_client.protocol import CheckpointAnswer, TrunkBallot
from anytime_server.controller import DONE_BY, Ballot, InterimVerdict, Outcome, count
from anytime_server.reasoning.answers.agreement import Agreement
from anytime_server.reasoning.panel.member import Member
from anytime_server.reasoning.surroundings.tally import Stopwatch


class Rounds:
    """Takes votes; each trunk votes with the newest ballot that it has cast by the checkpoint.

    Attributes:
        answers: what came of the votes so far.
        due: the checkpoints that are still to come.
        finished: the trunks that are done (`DONE_BY`), in the order in which they were.
    """

    def __init__(self, members: Sequence[Member], agreement: Agreement, watch: Stopwatch) -> None:
        """Start with no votes, and with nothing due."""
        self.answers: list[CheckpointAnswer] = []
        self.due: tuple[int, ...] = ()
        self.finished: list[int] = []
        self._members = members
        self._agreement = agreement
        self._watch = watch
        self._settled_from = 0

    def schedule(self, due: Sequence[int]) -> None:
        """Set what is due. For how long an answer has stood is counted anew from here."""
        self.due = tuple(due)
        self._settled_from = len(self.answers)

    def ready(self) -> int | None:
        """Return the next checkpoint, if nobody is awaited there any more; None if there is none.

        One that no trunk has come to is none, nor is one that nobody has a ballot for.
        """
        for at in self.due:
            reached = any(member.spent >= at for member in self._members)
            if not reached or any(member.is_awaited(at) for member in self._members):
                return None
            if any(member.ballot(at) is not None for member in self._members):
                return at
        return None

    async def vote(self, at: int, *, newest: bool = False, among: Sequence[int] | None = None) -> CheckpointAnswer:
        """Return what comes of the vote at the checkpoint `at`, or of the `newest` ballots; at least one must be cast.

        Only the trunks `among` these vote; None is all of them.
        """
        voters = self._members if among is None else [self._members[index] for index in among]
        found = {member.index: member.ballot(None if newest else at) for member in voters}
        said = {index: ballot for index, ballot in sorted(found.items()) if ballot is not None}
        last = self.answers[-1].value if self.answers else None
        await self._agreement.settle(last, *(ballot.value for ballot in said.values()))
        return self._answer(at, said)

    def accept(self, answer: CheckpointAnswer) -> None:
        """Take in a vote that is published now."""
        self.due = tuple(at for at in self.due if at > answer.at)
        self.answers.append(answer)

    def is_news(self, answer: CheckpointAnswer) -> bool:
        """Return whether a vote is another than the last one, which the same trunks may have cast with the same."""
        return not self.answers or _cast(self.answers[-1]) != _cast(answer)

    def verdicts(self) -> list[InterimVerdict]:
        """Return what the stopping rules look at."""
        return [
            InterimVerdict(one.confidence, one.stable_for, one.at, one.consensus, self._done(one))
            for one in self.answers
        ]

    def outcomes(self) -> list[Outcome]:
        """Return what the pruning rule looks at."""
        return [
            count([Ballot(one.trunk, one.value, one.confidence) for one in answer.ballots or ()], self._agreement.same)
            for answer in self.answers[self._settled_from :]
        ]

    def standing(self) -> list[Any]:
        """Return, as JSON, what a restore needs besides the votes."""
        return [list(self.due), list(self.finished), self._settled_from]

    def restore(self, standing: list[Any]) -> None:
        """Be as `standing` says."""
        due, self.finished, self._settled_from = standing
        self.due = tuple(due)

    def _answer(self, at: int, said: dict[int, CheckpointAnswer]) -> CheckpointAnswer:
        ballots = [Ballot(index, one.value, one.confidence) for index, one in said.items()]
        outcome = count(ballots, self._agreement.same)
        winner = said[outcome.trunk]
        since = self.answers[-1].at if self.answers else -1
        new = [ballot for ballot in said.values() if ballot.at > since]
        return CheckpointAnswer(
            at=at,
            answer=winner.answer,
            value=winner.value,
            confidence=outcome.confidence,
            votes=len(outcome.ballots),
            samples=outcome.cast,
            stable_for=self._agreement.stable_for(winner.value, self.answers[self._settled_from :]),
            elapsed_ms=self._watch.elapsed_ms(),
            interim_tokens=sum(ballot.interim_tokens for ballot in new),
            computed_tokens=sum(ballot.computed_tokens for ballot in new),
            cached_tokens=sum(ballot.cached_tokens for ballot in new),
            trunk=outcome.trunk,
            consensus=outcome.consensus,
            ballots=tuple(self._ballot(index, ballot) for index, ballot in said.items()),
        )

    def _done(self, answer: CheckpointAnswer) -> int:
        """How many of those that voted for the winner were done by then."""
        return sum(
            ballot.stop_reason in DONE_BY and self._agreement.same(ballot.value, answer.value)
            for ballot in answer.ballots or ()
        )

    def _ballot(self, index: int, said: CheckpointAnswer) -> TrunkBallot:
        member = self._members[index]
        is_last = member.is_done and member.ballot() is said
        reason = member.reason if is_last else None
        return TrunkBallot(
            trunk=index,
            at=said.at,
            value=said.value,
            confidence=said.confidence,
            stop_reason=reason.value if reason else None,
        )


def _cast(answer: CheckpointAnswer) -> list[tuple[int, int, str | None, float]]:
    return [(ballot.trunk, ballot.at, ballot.value, ballot.confidence) for ballot in answer.ballots or ()]
