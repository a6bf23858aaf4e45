"""Arguments that were written as bare texts, by the types that the tool's JSON schema gives them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from anytime_server.api.openai.tools.loose_json import LONGEST_INTEGER, LooseJson, read_json

Schema = Mapping[str, Any]
INTEGER = re.compile(r"[+-]?\d+(?:\.0+)?")
TRUTHS = {"true": True, "false": False}
NOTHING = ("null", "none")
JSON_TYPES = {"number": int | float, "object": dict, "array": list}
MOST_ALTERNATIVES = 64
"""Schemas looked at for one argument; those that refer to each other end here."""


def typed(key: str, text: str, schema: Schema) -> Any:
    """Return the value of the argument `key` that was written as `text`.

    `schema` is of all the arguments. A value that does not fit its type stays the text. Without a type it is what it is
    as JSON, else the text.
    """
    types = types_of(key, schema)
    if not types:
        return _as_json(text)
    for kind in ("null", "boolean", "integer", "number", "object", "array"):
        if kind in types:
            fits, value = _fit(kind, text.strip())
            if fits:
                return value
    return text


def types_of(key: str, schema: Schema) -> set[str]:
    """Return the names of the types that `schema` lets the argument `key` have; none if it names none."""
    properties = schema.get("properties")
    own = properties.get(key) if isinstance(properties, Mapping) else None
    if own is None:
        own = schema.get("additionalProperties")
    return set(_types(own, schema)) if isinstance(own, Mapping) else set()


def _types(own: Schema, root: Schema) -> Iterator[str]:
    """The types that `own` allows, through its alternatives and references."""
    waiting, looked_at = [own], 0
    while waiting and looked_at < MOST_ALTERNATIVES:
        schema, looked_at = waiting.pop(), looked_at + 1
        given = schema.get("type")
        yield from [given] if isinstance(given, str) else [kind for kind in given or () if isinstance(kind, str)]
        if given is None:
            yield from map(_type_of, schema.get("enum") or ([schema["const"]] if "const" in schema else []))
        for word in ("anyOf", "oneOf", "allOf"):
            waiting += [branch for branch in schema.get(word) or () if isinstance(branch, Mapping)]
        if isinstance(target := _referred(schema.get("$ref"), root), Mapping):
            waiting.append(target)


def _referred(reference: object, root: Schema) -> Any:
    """The schema that a reference within `root` names."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    target: Any = root
    for step in reference[2:].split("/"):
        target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
    return target


def _type_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


def _fit(kind: str, text: str) -> tuple[bool, Any]:
    """Whether `text` is a value of the type, and the value."""
    match kind:
        case "null":
            return text.lower() in NOTHING, None
        case "boolean":
            return text.lower() in TRUTHS, TRUTHS.get(text.lower())
        case "integer":
            fits = INTEGER.fullmatch(text) is not None and len(text) < LONGEST_INTEGER
            return fits, int(text.partition(".")[0]) if fits else None
        case _:
            try:
                value = read_json(text)
            except ValueError:
                return False, None
            return isinstance(value, JSON_TYPES[kind]) and not isinstance(value, bool), value


def _as_json(text: str) -> Any:
    """The value that `text` is as JSON, to the letter; else the text."""
    try:
        value = LooseJson(text).value()
        strict = json.loads(text) if not isinstance(value, str) else value
    except ValueError:
        return text
    return value if strict == value else text
