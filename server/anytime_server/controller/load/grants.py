"""Who gets how much of what can be granted.

Without a curve each gets its share:

    floor = max(min_budget, share * requested)
    grant = floor + scale * (requested - floor)

With one, the same tokens in all go where they buy most: the steepest stretches of all sessions' curves are granted
first. For concave curves that is the best there is (Fox, Operations Research 14(2), 1966: marginal allocation). Within
a stretch whoever has least of it before him goes first, and to its end: half a stretch may be worth less than none,
where the measured curve dips.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.load.curve import AccuracyCurve, Segment


@dataclass(frozen=True, slots=True)
class Claim:
    """What one session asks for, in thinking tokens.

    Attributes:
        requested: the budget it would have on an idle server.
        least: its `min_budget`.
        spent: what it has thought already, which can't be taken back.
    """

    requested: int
    least: int = 0
    spent: int = 0

    def floor(self, share: float) -> int:
        """Return what it gets however pressed the engine is."""
        return min(self.requested, max(self.least, math.ceil(share * self.requested)))

    def scaled(self, share: float, scale: float) -> int:
        """Return its part at a `scale`."""
        floor = self.floor(share)
        return floor + math.floor(scale * (self.requested - floor))


def grants(claims: Sequence[Claim], share: float, scale: float, curve: AccuracyCurve | None = None) -> list[int]:
    """Return the grant of each claim: from its floor (or what it has spent) up to what it requested.

    Args:
        claims: of all sessions that think now.
        share: of a request that is its floor.
        scale: of the load, 0 to 1.
        curve: what a token buys.
    """
    scaled = [max(claim.scaled(share, scale), min(claim.spent, claim.requested)) for claim in claims]
    if curve is None or scale >= 1:
        return scaled
    least = [max(claim.floor(share), min(claim.spent, claim.requested)) for claim in claims]
    return _by_worth(claims, least, sum(scaled) - sum(least), curve)


def _by_worth(claims: Sequence[Claim], least: Sequence[int], tokens: int, curve: AccuracyCurve) -> list[int]:
    """Hand out `tokens` above `least`: the steepest stretches first, and what buys nothing evenly at the end."""
    granted = list(least)
    for segment in curve.segments:
        missing = [_missing(segment, claim, one) for claim, one in zip(claims, least, strict=True)]
        for index in sorted(range(len(claims)), key=missing.__getitem__):
            part = min(missing[index], tokens)
            granted[index] += part
            tokens -= part
    rest = [claim.requested - one for claim, one in zip(claims, granted, strict=True)]
    share = min(1.0, tokens / wanted) if (wanted := sum(rest)) else 0.0
    return [one + math.floor(share * more) for one, more in zip(granted, rest, strict=True)]


def _missing(segment: Segment, claim: Claim, least: int) -> int:
    """The tokens of a stretch that a claim has not got yet."""
    return max(0, min(segment.end, claim.requested) - max(segment.begin, least))
