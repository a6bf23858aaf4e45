"""Deadlines that are promised: a session begins only if its answer can be there in time, and so can those of others."""

import math
from collections.abc import Iterable

from anytime_server.controller.load import Promise
from anytime_server.errors import Overloaded
from anytime_server.reasoning.deadlines.speed import Speed
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.sessions.session import Session

RETRY_AFTER_S = 1

OTHERS = "the deadlines of sessions that run leave no room for another one; try again in a moment"


def check_promises(plan: Plan, running: Iterable[Session], speed: Speed, sessions: int, limit: int | None) -> None:
    """Check that a plan's deadline can be kept, and that so many more sessions keep those that run from no deadline.

    A deadline is kept by the first interim answer. `limit` is what the load grants the plan. An idle server that
    has not measured anything for a while lets a session find out.

    Raises:
        Overloaded: if one could not be; naming the field and the remedy if it is the plan's own.
    """
    in_flight = speed.in_flight() + sessions * plan.trunks
    if plan.deadline_s is not None:
        own = Promise(plan.deadline_s, _first_checkpoint(plan, limit))
        if not speed.pace.keeps([own], in_flight) and not speed.unsure():
            needs_ms = math.ceil((speed.pace.to_answer_s(own, in_flight) or 0.0) * 1000)
            raise Overloaded(
                f"no answer can be ready within {plan.request.deadline_ms} ms: the first takes about {needs_ms} ms "
                f"now; raise deadline_ms to that, set an earlier checkpoint, or try again when the server is less busy",
                param="deadline_ms",
                retry_after=RETRY_AFTER_S,
            )
    promises = (session.promise() for session in running)
    if not speed.pace.keeps([one for one in promises if one is not None and one.left_s > 0], in_flight):
        raise Overloaded(OTHERS, retry_after=RETRY_AFTER_S)


def _first_checkpoint(plan: Plan, limit: int | None) -> int:
    """The thinking tokens of a trunk before the first interim answer; 0 if there is none: then it answers at once."""
    granted = plan.granted if limit is None else limit
    return next(iter(plan.schedule(granted // plan.trunks).at), 0)
