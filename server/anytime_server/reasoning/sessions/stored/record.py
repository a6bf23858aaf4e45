"""A session's log as a store keeps it: each event with the account of what led to it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from anytime_client.protocol import EVENT_ADAPTER, Event
from anytime_server.reasoning.reading.events import EventLog


class Record:
    """Writes to a log, and reads it again."""

    def __init__(self, log: EventLog, account: Callable[[], Mapping[str, Any]]) -> None:
        """Write to `log`; `account` tells what was done since it was asked last."""
        self._log = log
        self._account = account

    def tell(
        self, event: type[Event], *, last: bool = False, note: Mapping[str, Any] | None = None, **fields: Any
    ) -> None:
        """Append an event; with what a restore goes by, if the log is stored, and with a `note` for it."""
        account = ""
        if self._log.is_stored:
            account = to_json({"at": time.time(), **self._account(), **(note or {})}).decode()
        self._log.append(event, last=last, steps=account, **fields)

    def told(self) -> Iterator[tuple[Event, Mapping[str, Any]]]:
        """Yield what was told in its order, events with their accounts: to be done again."""
        for entry in self._log.entries():
            yield EVENT_ADAPTER.validate_json(entry.data), json.loads(entry.steps)
        self._account()
