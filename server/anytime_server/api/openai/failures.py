"""A session that ended without its answer, as an error."""

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import AnytimeError, Conflict, Unavailable
from anytime_server.reasoning import Reasoner
from anytime_server.reasoning.sessions.failures import status_of


def failure(document: ReasonDocument, reasoner: Reasoner) -> AnytimeError | None:
    """Return why a session that ended as `document` has no answer; None if it has."""
    if document.status == "completed":
        return None
    if document.error is not None:
        error = AnytimeError(document.error.message, param=document.error.param)
        error.status, error.type = status_of(document.error), document.error.type
        return error
    if reasoner.draining:
        return Unavailable("the server went down before it had an answer; try another replica")
    return Conflict("the session was cancelled before it had an answer")
