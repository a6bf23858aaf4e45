"""What kind of value each setting of a dataclass takes: checked before anything is computed with a wrong one."""

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from anytime_training.errors import RecipeError

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)

_WORDS: dict[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
}


def check_types(settings: Mapping[str, Any], schema: type, prefix: str) -> None:
    """Check settings against the annotations of a dataclass, as they stand: "3" is no number, and 1.0 no whole one.

    Raises:
        RecipeError: naming the first setting of a wrong kind, after the prefix, and what it takes.
    """
    hints = get_type_hints(schema)
    for name, value in settings.items():
        try:
            TypeAdapter(hints[name], config=_STRICT).validate_python(value)
        except ValidationError:
            raise RecipeError(f"{prefix}{name} takes {_told(hints[name])}, not {value!r:.60}") from None


def _told(hint: Any) -> str:
    """A type in words: `a number or null`."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_told(part) for part in get_args(hint)))
    if get_origin(hint) is Literal:
        return " or ".join(str(value).lower() for value in get_args(hint))
    if get_origin(hint) is list:
        kinds = [_told(part).removeprefix("a ").removesuffix("s") for part in get_args(hint)]
        return f"a list of {' or '.join(kinds)}s"
    if isinstance(hint, type) and issubclass(hint, str):
        return _WORDS[str]  # an enumeration of names
    return _WORDS.get(get_origin(hint) or hint, f"a {getattr(hint, '__name__', hint)}")
