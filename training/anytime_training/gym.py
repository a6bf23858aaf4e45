"""reasoning_gym, a library of procedural problems with scorers of their own: data sets by name, and entries as text.

Imports reasoning_gym (the extra `gym`) where a data set is made.
"""

import difflib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from anytime_training.errors import DataError

LEFT_OUT = frozenset({"composite"})
"""Data sets of data sets: a run has one scorer."""

SET_ELSEWHERE = ("seed", "size")
"""Keys of every configuration that are the source's own."""

_PAIRS, _TUPLE = "__pairs__", "__tuple__"


def make_data_set(name: str, config: Mapping[str, Any], n: int = 1, seed: int = 0) -> Any:
    """Make the data set `name` of `n` problems; a problem is drawn when it is asked for.

    Raises:
        DataError: if reasoning_gym is not installed, the name or a key is unknown, or a value is refused.
    """
    if importlib.util.find_spec("reasoning_gym") is None:
        raise DataError(f"data.reasoning_gym: {name} needs reasoning_gym: pip install 'anytime-reasoning[gym]'")
    from reasoning_gym.factory import DATASETS, create_dataset

    known = sorted(set(DATASETS) - LEFT_OUT)
    if name not in known:
        raise DataError(f"data.reasoning_gym: {name!r} is unknown; {_near(name, known)}")
    keys = sorted({field.name for field in fields(DATASETS[name][1])} - set(SET_ELSEWHERE))
    for key in config:
        if key not in keys:
            raise DataError(f"data.config: {key!r} is no key of {name}; {_near(key, keys)}")
    try:
        return create_dataset(name, size=n, seed=seed, **config)
    except (AssertionError, TypeError, ValueError) as error:
        raise DataError(f"data.config: {name} refuses {dict(config)}: {error or type(error).__name__}") from error


def to_json(entry: Any) -> str:
    """An entry as JSON that loses nothing: tuples stay tuples, and keys that are no text stay what they are."""
    return json.dumps(_plain(entry), ensure_ascii=False)


def from_json(text: str) -> Any:
    """The entry that `to_json` wrote."""
    return json.loads(text, object_hook=_restored)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return {_TUPLE: [_plain(item) for item in value]}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return {_PAIRS: [[_plain(key), _plain(item)] for key, item in value.items()]}
    return value


def _restored(value: dict[str, Any]) -> Any:
    if value.keys() == {_TUPLE}:
        return tuple(value[_TUPLE])
    if value.keys() == {_PAIRS}:
        return dict(value[_PAIRS])
    return value


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
