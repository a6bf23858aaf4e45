"""The majority of several answers. What its value is, and when two agree, is told by `anytime_server.values`."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.values import Same, groups, same_value


@dataclass(frozen=True, slots=True)
class Draft:
    """One sample of an interim answer: its text, its value, and the mean probability of its tokens."""

    text: str
    value: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Vote:
    """The majority among drafts."""

    draft: Draft
    votes: int
    confidence: float


def majority(drafts: Sequence[Draft], same: Same = same_value) -> Vote:
    """Return the answer most drafts agree on (the more probable of two equally frequent ones).

    Its confidence is its share of the votes times the mean token probability of the drafts that gave it.
    """
    winners = max(groups(drafts, same), key=lambda group: (len(group), sum(draft.probability for draft in group)))
    share = len(winners) / len(drafts)
    mean = sum(draft.probability for draft in winners) / len(winners)
    return Vote(max(winners, key=lambda draft: draft.probability), len(winners), share * mean)
