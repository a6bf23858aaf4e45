"""Bodies in which a key comes twice: with one value it is as if it came once, with two nobody can know which counts.

JSON readers take the last of them without a word.
"""

import json
from typing import Any

from anytime_server.errors import InvalidRequest

SHOWN = 40


def check_keys(body: bytes) -> None:
    """Check that no object in a JSON text gives a key two values; what is no JSON is left to FastAPI to refuse.

    Raises:
        InvalidRequest: naming the key.
    """
    try:
        json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        _check_twins(pairs)
    return read


def _check_twins(pairs: list[tuple[str, Any]]) -> None:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        first = seen.setdefault(name, value)
        if first is not value and _text(first) != _text(value):
            raise InvalidRequest(
                f"{name}: it is given twice, as {_shown(first)} and as {_shown(value)}; give it once", param=name
            )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
