"""Why several trunks stop thinking."""

from collections.abc import Sequence

from anytime_server.controller import StopReason
from anytime_server.reasoning.panel.member import Member
from anytime_server.reasoning.trunk.course import Course

DECIDED_BY_VOTE = (StopReason.CONSENSUS, StopReason.STABLE, StopReason.RISK, StopReason.GIVE_UP)
"""These reasons are found in a vote, which stands then."""

STOPPED = (StopReason.FIRST, StopReason.ANSWER_NOW, StopReason.DEADLINE, *DECIDED_BY_VOTE)
"""Why trunks have ended that were stopped with the session; it may have been raised, and found all of them done."""

LEFT_OVER = (StopReason.NATURAL, StopReason.LOAD, StopReason.MATCH, StopReason.LOOP, StopReason.PRUNED, *STOPPED)
"""Why trunks have ended that leave something of the budget; the first of them is the session's reason."""


def ending(course: Course, members: Sequence[Member], finished: int, enough: int | None) -> StopReason | None:
    """Return why the thinking of all trunks ends now; None while it goes on.

    Args:
        course: of them together.
        members: the trunks.
        finished: how many are done (`DONE_BY`).
        enough: how many have to be; None, or more than ever will, is until none thinks any more.
    """
    if course.closing:
        return course.reason
    if all(member.is_done for member in members):
        return _why_all_ended(course, members)
    return StopReason.FIRST if enough is not None and finished >= enough else None


def _why_all_ended(course: Course, members: Sequence[Member]) -> StopReason:
    if sum(member.spent for member in members) == course.granted:
        return StopReason.LOAD if course.granted < course.wanted else StopReason.BUDGET
    reasons = {member.reason for member in members}
    return next((reason for reason in LEFT_OVER if reason in reasons), StopReason.BUDGET)
