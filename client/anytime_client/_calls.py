"""Every request of the HTTP API as plain data."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic_core import to_jsonable_python

from anytime_client._errors import ConfigurationError
from anytime_client._fields import Question
from anytime_client.protocol.base import HALF_CHARACTER, sendable

GRACE_MS = 30_000
"""How long the server keeps a session whose stream broke, so that it can be taken up again."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. All are safe to send again: those that change something carry an `Idempotency-Key`, or need none."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False
    timeout_s: float | None = None


def reason(question: Question | None, fields: Mapping[str, Any]) -> Call:
    """Begin a session and stream it.

    Raises:
        ConfigurationError: if a field can't be sent.
    """
    body = {name: value for name, value in fields.items() if value is not None}
    if isinstance(question, str):
        body["prompt"] = question
    elif question is not None:
        body["messages"] = list(question) if isinstance(question, Iterable) else question
    if not body.get("background"):
        body.setdefault("grace_ms", GRACE_MS)
    headers = {"Accept": "text/event-stream", **_idempotency_key()}
    return Call("POST", "/reason", {**as_json(body), "stream": True}, headers=headers, streams=True)


def events(id: str, after: int) -> Call:
    """Read a session's stream after event number `after`."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    return Call("GET", f"{_path(id)}/events", headers=headers, streams=True)


def document(id: str) -> Call:
    """Read a session as it stands."""
    return Call("GET", _path(id))


def answer_now(id: str) -> Call:
    """Close the thinking and answer."""
    return Call("POST", f"{_path(id)}/answer_now")


def raised(budget: int | str | None, to: int | None, by: int | None) -> str:
    """Return the budget of an extension as the server takes it, from whichever of the three is given.

    Raises:
        ConfigurationError: if it is not one of them, or if `by` raises nothing.
    """
    if sum(each is not None for each in (budget, to, by)) != 1:
        raise ConfigurationError("extend takes one of to=500 (500 thinking tokens in all) and by=500 (500 more)")
    if by is not None and by < 1:
        raise ConfigurationError(f"extend(by=...) must be 1 or more, not {by}")
    return f"+{by}" if by is not None else str(to if to is not None else budget)


def extend(id: str, budget: str) -> Call:
    """Raise the budget to so many thinking tokens, or by so many if it is `+N`."""
    return Call("POST", f"{_path(id)}/extend", params=as_json({"budget": budget}), headers=_idempotency_key())


def cancel(id: str, timeout_s: float | None = None) -> Call:
    """End a session."""
    return Call("DELETE", _path(id), timeout_s=timeout_s)


def models() -> Call:
    """List the served models."""
    return Call("GET", "/v1/models")


def as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as they are sent.

    Raises:
        ConfigurationError: if one can't be; the message names it.
    """
    return {name: _field_as_json(name, value) for name, value in fields.items()}


def _field_as_json(name: str, value: Any) -> Any:
    try:
        return sendable({name: to_jsonable_python(value, exclude_none=True)})[name]
    except UnicodeEncodeError:
        found = HALF_CHARACTER
    except ValueError as error:
        found = str(error)
    raise ConfigurationError(f"{name} can't be sent: {found}", param=name)


def _path(id: str) -> str:
    return f"/reason/{quote(as_json({'id': id})['id'], safe='')}"


def _idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}
