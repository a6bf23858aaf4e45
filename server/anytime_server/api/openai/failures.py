"""A session that ended without its answer, as an error."""

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import AnytimeError, Conflict, Unavailable
from anytime_server.reasoning import Reasoner, Session


def failure(session: Session, document: ReasonDocument, reasoner: Reasoner) -> AnytimeError | None:
    """Return why `session`, which ended as `document`, has no answer; None if it has.

    The session itself may think on by now: somebody can have extended it since.
    """
    if document.status == "completed":
        return None
    if document.error is not None:
        error = AnytimeError(document.error.message, param=document.error.param)
        error.status, error.type = session.failure_status, document.error.type
        return error
    if reasoner.draining:
        return Unavailable("the server went down before the answer was there; try another replica")
    return Conflict("the session was cancelled before the answer was there")
