"""The vote over several trunks: which answer they stand for, and how far they agree.

Answers that say the same are counted together, as in self-consistency (arXiv 2203.11171); each counts as much as its
trunk is sure of it, as in DeepConf (arXiv 2508.15260), whose consensus this is too: the winner's share of all weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from anytime_server.values import Same, groups


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one trunk says: the value of its answer, None if there is none in it, and how sure it is of it (0..1)."""

    trunk: int
    value: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a vote.

    Attributes:
        ballots: those that agree with the winner, the surest first; the first one's trunk stands for it.
        cast: ballots in all.
        consensus: the winner's share of the weight of all ballots, 0..1.
    """

    ballots: tuple[Ballot, ...]
    cast: int
    consensus: float

    @property
    def trunk(self) -> int:
        """The trunk that stands for the winner."""
        return self.ballots[0].trunk

    @property
    def value(self) -> str | None:
        """The winning value."""
        return self.ballots[0].value

    @property
    def confidence(self) -> float:
        """The share of the votes times the mean confidence of those that gave them."""
        return fsum(ballot.confidence for ballot in self.ballots) / self.cast


def count(ballots: Sequence[Ballot], same: Same) -> Outcome:
    """Return the outcome of a vote: the value with the most weight wins.

    A tie goes to the value that more trunks gave, then to the one that the lowest trunk gave. A ballot without a value
    stands for nothing: it wins only if no other has one, but it is no agreement with the winner either.

    Raises:
        ValueError: if there is no ballot.
    """
    if not ballots:
        raise ValueError("a vote needs a ballot")
    parties = groups(sorted(ballots, key=lambda one: one.trunk), same)
    winners = max(parties, key=lambda group: (group[0].value is not None, _weight(group), len(group)))
    whole = _weight(ballots)
    surest_first = sorted(winners, key=lambda ballot: -ballot.confidence)
    return Outcome(tuple(surest_first), len(ballots), _weight(winners) / whole if whole > 0 else 0.0)


def _weight(ballots: Sequence[Ballot]) -> float:
    return fsum(ballot.confidence for ballot in ballots)
