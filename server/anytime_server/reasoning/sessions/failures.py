"""What a failed session tells its reader."""

import logging

from anytime_client.protocol import ErrorInfo
from anytime_server.errors import AnytimeError, kinds_of_errors

logger = logging.getLogger(__name__)


def status_of(error: ErrorInfo) -> int:
    """Return the HTTP status of a published error."""
    return next((kind.status for kind in kinds_of_errors() if kind.type == error.type), AnytimeError.status)


def describe_failure(error: BaseException, session_id: str) -> ErrorInfo:
    """Return what to publish about `error`: our own errors as they are, others as internal ones.

    The first error of a group speaks for it: it is the one that brought the others down.
    """
    cause = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, AnytimeError):
        logger.warning("session %s failed: %s", session_id, cause.message)
        return ErrorInfo(type=cause.type, message=cause.message, param=cause.param)
    logger.error("session %s failed", session_id, exc_info=error)
    message = "internal error; the server's log has it under the session's id"
    return ErrorInfo(type=AnytimeError.type, message=message)
