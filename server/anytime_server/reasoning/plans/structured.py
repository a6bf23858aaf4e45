"""How large structured outputs may be, and references of a schema that lead nowhere: found before an engine is asked.

An engine compiles what an answer is held to, and while it does, other structured answers wait. Compiling takes time
that grows with the square of a schema's properties; within these bounds it stays under a second.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anytime_client.protocol import StructuredOutputs
from anytime_server.errors import InvalidRequest

MAX_SCHEMA_BYTES = 64 * 1024
"""The most bytes of a JSON schema, written without white space."""

MAX_SCHEMA_PROPERTIES = 512
"""The most properties of a JSON schema, those of all its objects together."""

MAX_SCHEMA_DEPTH = 48
"""The most objects and lists inside one another in a JSON schema."""

MAX_CHOICE_CHARACTERS = 32 * 1024
"""The most characters of all choices together."""

MAX_REGEX_CHARACTERS = 1024
"""The most characters of a regular expression, and of a schema's patterns together."""

MAX_GRAMMAR_CHARACTERS = 8 * 1024
"""The most characters of a grammar."""

FIELD = "structured_outputs"

IN_PLACE = ("allOf", "anyOf", "oneOf")
"""Keywords whose schemas describe the very value that the schema around them describes."""

BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords under which schemas lie by name, and not by keyword."""

DATA = ("const", "enum", "default", "examples")
"""Keywords under which no schemas lie."""


def check_bounds(wanted: StructuredOutputs) -> None:
    """Check the size of what an answer is to be held to, and that a schema's references lead to a schema.

    Raises:
        InvalidRequest: naming the bound and the remedy.
    """
    if wanted.json_schema is not None:
        _check_schema(wanted.json_schema)
    if wanted.regex is not None:
        _at_most(len(wanted.regex), MAX_REGEX_CHARACTERS, "regex", "characters", "write a simpler expression")
    if wanted.grammar is not None:
        _at_most(len(wanted.grammar), MAX_GRAMMAR_CHARACTERS, "grammar", "characters", "write a simpler grammar")
    if wanted.choice is not None:
        characters = sum(map(len, wanted.choice))
        _at_most(characters, MAX_CHOICE_CHARACTERS, "choice", "characters in all", "give fewer or shorter choices")


def _at_most(size: int, most: int, name: str, unit: str, remedy: str) -> None:
    if size > most:
        raise InvalidRequest(f"it has {size} {unit}, and may have {most}: {remedy}", param=f"{FIELD}.{name}")


def _check_schema(schema: Mapping[str, Any]) -> None:
    depth = _depth(schema)
    _at_most(depth, MAX_SCHEMA_DEPTH, "json", "levels of objects and lists", "nest it less, or use $defs")
    _at_most(_size(schema), MAX_SCHEMA_BYTES, "json", "bytes", "describe less, or share parts in $defs")
    parts = list(schemas_in(schema))
    properties = sum(len(part["properties"]) for part in parts if isinstance(part.get("properties"), dict))
    _at_most(properties, MAX_SCHEMA_PROPERTIES, "json", "properties", "describe fewer")
    patterns = sum(map(len, _patterns(parts)))
    _at_most(patterns, MAX_REGEX_CHARACTERS, "json", "characters of patterns", "write simpler patterns")
    _check_references(schema, parts)


def _depth(schema: Mapping[str, Any]) -> int:
    """The levels of objects and lists, counted without recursion: clients write them."""
    level: list[Any] = [schema]
    depth = 0
    while level:
        depth += 1
        below = [value for part in level for value in (part.values() if isinstance(part, dict) else part)]
        level = [value for value in below if isinstance(value, dict | list)]
    return depth


def _size(schema: Mapping[str, Any]) -> int:
    return len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode())


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema, itself included; what a value is compared with is none."""
    if isinstance(value, list):
        for inner in value:
            yield from schemas_in(inner)
    elif isinstance(value, dict):
        yield value
        for keyword, inner in value.items():
            if keyword in BY_NAME and isinstance(inner, dict):
                for named in inner.values():
                    yield from schemas_in(named)
            elif keyword not in DATA:
                yield from schemas_in(inner)


def _patterns(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        if isinstance(part.get("patternProperties"), dict):
            yield from part["patternProperties"]


def _check_references(schema: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    """Check that every `$ref` leads to a schema in this one, and that none leads straight back to itself."""
    settled: set[int] = set()
    for part in parts:
        if isinstance(part.get("$ref"), str):
            _follow(schema, part, settled)


def _follow(schema: Mapping[str, Any], start: Mapping[str, Any], settled: set[int]) -> None:
    """Walk from one schema to those that describe the same value; coming back to one on the way is a circle."""
    on_the_way: set[int] = set()
    stack: list[tuple[Mapping[str, Any], bool]] = [(start, False)]
    while stack:
        part, left = stack.pop()
        if left:
            on_the_way.discard(id(part))
            settled.add(id(part))
        elif id(part) in on_the_way:
            raise InvalidRequest(
                f"its $ref {part.get('$ref', start['$ref'])!r} leads back to itself and describes nothing: put a type "
                "or properties between",
                param=f"{FIELD}.json",
            )
        elif id(part) not in settled:
            on_the_way.add(id(part))
            stack.append((part, True))
            stack.extend((inner, False) for inner in _same_value(schema, part))


def _same_value(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(part.get("$ref"), str):
        yield _target(schema, part["$ref"])
    for keyword in IN_PLACE:
        if isinstance(part.get(keyword), list):
            yield from (inner for inner in part[keyword] if isinstance(inner, dict))


def _target(schema: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """The schema that a JSON pointer leads to."""
    at: Any = schema
    head, *names = reference.split("/")
    for name in names:
        at = _step(at, name.replace("~1", "/").replace("~0", "~"))
    if head != "#" or not isinstance(at, dict | bool):
        raise InvalidRequest(
            f"its $ref {reference!r} leads to no schema in it: point into it, as in '#/$defs/name'",
            param=f"{FIELD}.json",
        )
    return at if isinstance(at, dict) else {}


def _step(at: Any, name: str) -> Any:
    if isinstance(at, dict):
        return at.get(name)
    if isinstance(at, list) and name.isdecimal() and int(name) < len(at):
        return at[int(name)]
    return None
