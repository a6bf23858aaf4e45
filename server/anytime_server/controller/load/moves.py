"""Which running sessions are moved to their grants, and when.

A grant is raised as soon as there is more for it. It is lowered by a cut alone: where the session stands, and only as
many as have to make room. Whoever cuts all that are beyond their grants stops them together, those that follow begin
together, and the load swings: in the simulation of the tests it costs a fifth of the right answers at twice the
capacity. First goes who has had most of what it asked for, and more so the longer its answer has stood.
"""

import math
from collections.abc import Sequence

from anytime_server.controller.load.grants import Claim
from anytime_server.controller.load.scale import LoadSignals

LEAST = 0.1
"""Share of a grant by which it is raised at least, unless it is whole then: every change costs a request."""

SLOW = 1 / 8
"""Of what runs is cut in a tick where nothing waits, and the engine is slow or full all the same."""


def moved(
    claims: Sequence[Claim], present: Sequence[int], granted: Sequence[int], signals: LoadSignals, *, pressed: bool
) -> list[int | None]:
    """Return the new grant of each claim, or None where the present one stays.

    Args:
        claims: of the sessions that think.
        present: their grants now.
        granted: those that the load leaves them.
        signals: what the engine says.
        pressed: whether it has more to do than it can.
    """
    over = [index for index, claim in enumerate(claims) if granted[index] <= claim.spent < present[index]]
    over.sort(key=lambda index: -_had(claims[index]))
    cut = set(over[: _cuts(len(claims), signals)] if pressed else ())
    each = enumerate(zip(claims, present, granted, strict=True))
    return [claim.spent if index in cut else _raised(claim, now, then) for index, (claim, now, then) in each]


def _cuts(thinking: int, signals: LoadSignals) -> int:
    """As many as wait, but for those that make room anyway: they answer already."""
    if not signals.waiting:
        return math.ceil(SLOW * signals.running)
    return max(0, signals.waiting - max(0, signals.running - thinking))


def _had(claim: Claim) -> float:
    return claim.spent * (1 + claim.settled) / max(1, claim.requested)


def _raised(claim: Claim, present: int, granted: int) -> int | None:
    more = granted - present
    return granted if more > 0 and (granted >= claim.requested or more >= LEAST * present) else None
