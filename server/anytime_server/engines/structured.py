"""What the engines that hold answers to a grammar share: what they remember, and how they refuse."""

import threading
from collections import OrderedDict

from anytime_client.protocol import StructuredOutputs
from anytime_server.errors import InvalidRequest

KEPT = 256
"""How many of those that compiled are remembered."""


class Accepted:
    """What is known to compile: the newest, and what is asked for again. Safe in any thread."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, None] = OrderedDict()

    def knows(self, wanted: StructuredOutputs) -> bool:
        """Return whether this has compiled."""
        key = _key(wanted)
        with self._lock:
            if key in self._keys:
                self._keys.move_to_end(key)
            return key in self._keys

    def add(self, wanted: StructuredOutputs) -> None:
        """Remember that this has compiled."""
        with self._lock:
            self._keys[_key(wanted)] = None
            if len(self._keys) > KEPT:
                self._keys.popitem(last=False)


def field_of(wanted: StructuredOutputs) -> str:
    """Return the name of the field that is set."""
    (name,) = wanted.model_dump(exclude_unset=True)
    return f"structured_outputs.{name}"


def not_spelled(wanted: StructuredOutputs) -> InvalidRequest:
    """Return the error of a grammar that has led to where no token of the vocabulary goes on."""
    return InvalidRequest(
        "the model's vocabulary can't spell what it asks for; ask for what the model has tokens for",
        param=field_of(wanted),
    )


def _key(wanted: StructuredOutputs) -> str:
    return wanted.model_dump_json(exclude_unset=True)
