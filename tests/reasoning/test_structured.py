"""What an answer is held to is bounded, and its references lead somewhere: found without an engine."""

import pytest

from anytime_client.protocol import StructuredOutputs
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.structured import (
    MAX_CHOICE_CHARACTERS,
    MAX_GRAMMAR_CHARACTERS,
    MAX_REGEX_CHARACTERS,
    MAX_SCHEMA_PROPERTIES,
    check_bounds,
)

TEXT = {"type": "string"}


def record(count):
    return {"type": "object", "properties": {f"p{number}": TEXT for number in range(count)}}


def nested(levels):
    schema = TEXT
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def in_lists(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return {"enum": value}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"json": record(MAX_SCHEMA_PROPERTIES + 1)}, ("json", "513 properties", "512")),
        ({"json": {"anyOf": [record(300), record(300)]}}, ("json", "600 properties", "512")),
        ({"json": {"enum": ["x" * 70_000]}}, ("json", "bytes", "65536")),
        ({"json": {"enum": ["é" * 35_000]}}, ("json", "bytes", "65536")),
        ({"json": nested(60)}, ("json", "levels", "48")),
        ({"json": in_lists(60)}, ("json", "levels", "48")),
        ({"json": {"type": "string", "pattern": "a" * 1025}}, ("json", "patterns", "1024")),
        ({"json": {"type": "object", "patternProperties": {"a" * 1025: TEXT}}}, ("json", "patterns", "1024")),
        ({"regex": "a" * (MAX_REGEX_CHARACTERS + 1)}, ("regex", "1025 characters", "1024")),
        ({"grammar": "root ::= " + '"a" ' * 4000}, ("grammar", "characters", "8192")),
        ({"choice": ["x" * 1000] * 33}, ("choice", "33000 characters", "32768")),
    ],
)
def test_what_is_too_large_is_refused_with_its_bound(wanted, names):
    with pytest.raises(InvalidRequest) as refused:
        check_bounds(StructuredOutputs.model_validate(wanted))
    assert refused.value.param == f"structured_outputs.{names[0]}"
    for name in names[1:]:
        assert name in refused.value.message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, TEXT]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
        {"type": "array", "items": {"$ref": "#/items"}},
        {"type": "object", "properties": {"a": {"oneOf": [{"$ref": "#/properties/a"}]}}},
    ],
)
def test_a_reference_to_itself_is_refused(schema):
    with pytest.raises(InvalidRequest, match="leads back to itself") as refused:
        check_bounds(StructuredOutputs(json=schema))
    assert refused.value.param == "structured_outputs.json"


@pytest.mark.parametrize("target", ["#/$defs/none", "#name", "https://example.org/schema", "#/$defs/list/7", "#/title"])
def test_a_reference_to_no_schema_is_refused(target):
    schema = {"title": "t", "$defs": {"list": {"anyOf": [TEXT]}}, "anyOf": [{"$ref": target}]}
    with pytest.raises(InvalidRequest, match="leads to no schema") as refused:
        check_bounds(StructuredOutputs(json=schema))
    assert refused.value.param == "structured_outputs.json"


@pytest.mark.parametrize(
    "wanted",
    [
        {"json": record(MAX_SCHEMA_PROPERTIES)},
        {"json": {"type": "object", "properties": {"next": {"$ref": "#"}, "$ref": {"type": "string"}}}},
        {"json": {"$defs": {"a/b": TEXT}, "anyOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#/$defs/a~1b"}]}},
        {"json": {"$defs": {"list": {"anyOf": [TEXT, True]}}, "anyOf": [{"$ref": "#/$defs/list/anyOf/1"}]}},
        {"json": {"const": {"$ref": "text"}}},
        {"json_object": True},
        {"regex": "a" * MAX_REGEX_CHARACTERS},
        {"grammar": "#" * MAX_GRAMMAR_CHARACTERS},
        {"choice": ["x" * MAX_CHOICE_CHARACTERS]},
    ],
)
def test_what_is_within_the_bounds_passes(wanted):
    check_bounds(StructuredOutputs.model_validate(wanted))
