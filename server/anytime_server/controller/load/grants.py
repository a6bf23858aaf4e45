"""Who gets how much of what can be granted.

Without a curve each gets its share:

    floor = max(min_budget, share * requested)
    grant = floor + scale * (requested - floor)

With one, the same tokens in all go where they buy most: what is worth most a token is granted first, of all sessions'
curves. For concave curves that is the best there is (Fox, Operations Research 14(2), 1966: marginal allocation). Among
equals whoever has least of a stretch before him goes first, and to its end: half a stretch may be worth less than none,
where the measured curve dips.

What a token is worth to a session whose interim answers have been the same for k checkpoints is the curve's slope by
1 / (k + 1): thinking that changes no answer buys nothing, and by the rule of succession that is the chance of a change.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anytime_server.controller.load.curve import AccuracyCurve


@dataclass(frozen=True, slots=True)
class Claim:
    """What one session asks for, in thinking tokens.

    Attributes:
        requested: the budget it would have on an idle server.
        least: its `min_budget`.
        spent: what it has thought already, which can't be taken back.
        settled: for how many checkpoints in a row its interim answers have been the same.
    """

    requested: int
    least: int = 0
    spent: int = 0
    settled: int = 0

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
    """Hand out `tokens` above `least`: those worth most first, and those that buy nothing evenly at the end."""
    granted = list(least)
    for _, missing, index in sorted(_pieces(claims, least, curve)):
        part = min(missing, tokens)
        granted[index] += part
        tokens -= part
    rest = [claim.requested - one for claim, one in zip(claims, granted, strict=True)]
    share = min(1.0, tokens / wanted) if (wanted := sum(rest)) else 0.0
    return [one + math.floor(share * more) for one, more in zip(granted, rest, strict=True)]


def _pieces(claims: Sequence[Claim], least: Sequence[int], curve: AccuracyCurve) -> Iterator[tuple[float, int, int]]:
    """Yield (what a token is worth, negated; how many are missing; whose) for each stretch of each claim's curve."""
    for index, (claim, one) in enumerate(zip(claims, least, strict=True)):
        for segment in curve.segments:
            if missing := max(0, min(segment.end, claim.requested) - max(segment.begin, one)):
                yield -segment.slope / (claim.settled + 1), missing, index
