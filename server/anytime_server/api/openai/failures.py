"""A session that ended without its answer, as an error."""

from anytime_server.errors import AnytimeError, Conflict, Unavailable
from anytime_server.reasoning import Reasoner, Session


def failure(session: Session, reasoner: Reasoner) -> AnytimeError | None:
    """Return why an ended session has no answer; None if it has."""
    document = session.document()
    if document.status == "completed":
        return None
    if document.error is not None:
        error = AnytimeError(document.error.message, param=document.error.param)
        error.status, error.type = session.failure_status, document.error.type
        return error
    if reasoner.draining:
        return Unavailable("the server went down before the answer was there; try another replica")
    return Conflict("the session was cancelled before the answer was there")
