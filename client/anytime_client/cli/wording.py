"""What a session took, in words and numbers for a person."""

from collections.abc import Mapping

from anytime_client import AnytimeError
from anytime_client.cli.plain_text import with_options
from anytime_client.protocol import ReasonDocument, StopReasonName

STOP_REASONS: Mapping[StopReasonName, str] = {
    "natural": "done by itself",
    "budget": "the budget is spent",
    "deadline": "the time was short",
    "stable": "the answer had settled",
    "answer_now": "stopped on demand",
    "load": "stopped by the server's load",
    "consensus": "the trunks agreed",
    "first": "enough trunks were done",
    "pruned": "the other trunks were given up",
    "loop": "it went round in circles",
    "match": "the pattern was found",
    "risk": "more thinking was not worth it",
    "give_up": "more thinking was hopeless",
}


def percent(share: float) -> str:
    """Return a share of 1 in percent."""
    return f"{share:.0%}"


def seconds(milliseconds: float) -> str:
    """Return a time as a person reads it."""
    s = milliseconds / 1000
    if s < 60:
        return f"{s:.1f} s"
    return f"{int(s // 60)}:{int(s % 60):02d} min"


def again_in(wait_s: float) -> str:
    """Return a line on a server that can't be reached, or is busy."""
    return f"no answer from the server; trying again in {wait_s:.1f} s"


def no_answer_yet(url: str, failure: AnytimeError | None = None, *, begun: bool = False) -> str:
    """Return a line on a server that is waited for.

    Args:
        url: of the server.
        failure: what the newest attempt failed with.
        begun: whether a session is on the way, so that the first Ctrl-C asks for its answer.
    """
    why = f": {with_options(str(failure))}" if failure else ""
    what, leave = ("nothing more", "Ctrl-C three times") if begun else ("no answer", "Ctrl-C")
    return f"{what} from {url} yet{why}; {leave} gives up"


def summary(document: ReasonDocument) -> str:
    """Return a line on what a session took."""
    budget = document.budget
    parts = [f"{budget.spent} of {budget.granted} thinking tokens"]
    if document.stop_reason is not None:
        parts[0] += f", {STOP_REASONS[document.stop_reason]}"
    if document.timings.total_ms is not None:
        parts.append(seconds(document.timings.total_ms))
    return " · ".join([*parts, document.model])
