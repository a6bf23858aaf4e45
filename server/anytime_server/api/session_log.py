"""A log line for every session's end: what it was, what it cost, how long it took; what was said only if asked for."""

import logging
from typing import Any

from anytime_client.protocol import ReasonDocument, Usage
from anytime_server.logs import fields, in_text
from anytime_server.reasoning import Observer, Plan

logger = logging.getLogger(__name__)


class SessionLog(Observer):
    """An `Observer` that logs. Without `prompts` no text of a question, a thinking or an answer gets into the log."""

    def __init__(self, *, prompts: bool = False) -> None:
        """Log, with or without the texts."""
        self._prompts = prompts
        self._asked: dict[str, Any] = {}

    def started(self, session_id: str, plan: Plan) -> None:
        """See `Observer`."""
        if self._prompts:
            self._asked[session_id] = [message.model_dump(exclude_none=True) for message in plan.request.conversation]

    def moved(self, session_id: str) -> None:
        """See `Observer`."""
        self._asked.pop(session_id, None)

    def ended(self, document: ReasonDocument, usage: Usage) -> None:
        """See `Observer`."""
        texts = {
            "messages": self._asked.pop(document.id, None),
            "thinking": document.thinking,
            "answer": document.answer.text if document.answer else None,
        }
        told = fields(
            session_id=document.id,
            model=document.model,
            status=document.status,
            stop_reason=document.stop_reason,
            error=document.error.type if document.error else None,
            budget=document.budget.model_dump(),
            usage=usage.model_dump(),
            timings=document.timings.model_dump(),
            **(texts if self._prompts else {}),
        )
        if not self._prompts and document.error is None:
            told |= in_text(short_line(document, usage))
        logger.info("session ended", extra=told)


def short_line(document: ReasonDocument, usage: Usage) -> str:
    """Return what a person wants to know of a session that has ended: how, after how much, how long it took."""
    parts = [f"{document.id} {document.status}"]
    if document.stop_reason is not None:
        parts[0] += f" ({document.stop_reason})"
    parts.append(f"{document.budget.spent} of {document.budget.granted} thinking tokens")
    parts.append(f"{usage.answer} of the answer")
    if document.timings.total_ms is not None:
        parts.append(f"{document.timings.total_ms / 1000:.1f} s")
    return ", ".join(parts)
