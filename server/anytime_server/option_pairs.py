"""Options of many: KEY=VALUE, each as often as there is something to say."""

import json
from collections.abc import Sequence
from typing import Any


def parse_options(pairs: Sequence[str], option: str = "--engine-arg") -> dict[str, Any]:
    """Read KEY=VALUE pairs; a value that is not JSON is a string.

    Raises:
        ValueError: if a pair has no `=`.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, found, text = pair.partition("=")
        if not found or not key:
            raise ValueError(f"{option} takes KEY=VALUE, not {pair!r}")
        try:
            options[key.strip().replace("-", "_")] = json.loads(text)
        except json.JSONDecodeError:
            options[key.strip().replace("-", "_")] = text
    return options
