"""The server's log: a line per event, as text or as JSON, each with the ids of the request and trace it belongs to.

An event is a message with fields: `logger.info("request", extra=fields(method="GET", ...))`. Text shows them as
`key=value`, JSON as members of the line's object. Text is for people: an event may be shorter there (`in_text`), or
left out (`NOT_IN_TEXT`).
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from textwrap import indent
from typing import Any, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Of the request being served; what a request starts (a session's task) keeps them. The second only if it is traced."""

FIELDS = "anytime_fields"
TEXT = "anytime_text"
OURS = ("anytime_server", "uvicorn")
SELF_WILLED = ("huggingface_hub", "transformers")
"""Libraries that give their loggers a handler of their own when they are imported."""


class LogFormat(StrEnum):
    """How lines look."""

    text = "text"
    json = "json"


def fields(**values: object) -> dict[str, Any]:
    """Return the `extra` of a log call that carries these fields."""
    return {FIELDS: values}


@dataclass(frozen=True, slots=True)
class Text:
    """What an event is as text: a message in place of its own, and lines below it, which are ours to the letter."""

    message: str
    below: Sequence[str]


def in_text(message: str, *, below: Sequence[str] = ()) -> dict[str, Any]:
    """Return the `extra` of a log call whose text is this message without fields, with the lines `below` it."""
    return {TEXT: Text(message, below)}


NOT_IN_TEXT: dict[str, Any] = {TEXT: None}
"""The `extra` of a log call that text leaves out, but at level debug."""


def configure(format: LogFormat, level: str) -> None:
    """Send every logger's lines to stderr in one format: ours and uvicorn's from `level` on, others' warnings."""
    handler = Stderr()
    handler.setFormatter(JsonFormatter() if format is LogFormat.json else TextFormatter())
    if format is LogFormat.text and level != "debug":
        handler.addFilter(_is_for_people)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    for name in SELF_WILLED:
        import_module(f"{name}.utils.logging")
        take_over(name)


def take_over(library: str) -> None:
    """Have the lines of a logger that has a handler of its own written as all others are."""
    logger = logging.getLogger(library)
    logger.handlers.clear()
    logger.propagate = True


class Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is when a line comes, not to what it was before: that may be closed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """The stream of errors."""
        return sys.stderr


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, the event's fields, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": _time_of(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Time, level, message and fields in a line; nested fields have dotted names, None is left out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback if there is one.

        That is indented: what an error quotes can't look like a line.
        """
        time = _time_of(record).strftime("%H:%M:%S.%f")[:-3]
        text: Text | None = getattr(record, TEXT, None)
        if text is not None:
            return "\n".join([f"{time} {record.levelname:<7} {_one_line(text.message)}", *text.below])
        pairs = "".join(f" {name}={_quoted(value)}" for name, value in _flat(_fields_of(record)))
        line = f"{time} {record.levelname:<7} {_one_line(record.getMessage())}{pairs}"
        return f"{line}\n{indent(self.formatException(record.exc_info), '  ')}" if record.exc_info else line


def _is_for_people(record: logging.LogRecord) -> bool:
    return getattr(record, TEXT, record) is not None


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    ids = {variable.name: value for variable in (request_id, trace_id) if (value := variable.get()) is not None}
    return {**ids, **getattr(record, FIELDS, {})}


def _time_of(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def _quoted(value: object) -> str:
    """Return a value as one word, so that nothing a client sends can look like another field or line."""
    text = str(value)
    plain = text.isascii() and text.isprintable() and not set(text) & set(' "=\\')
    return text if plain and text else json.dumps(text)


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]
