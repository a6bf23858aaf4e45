"""What the parts of the protocol are made of."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from anytime_client.protocol.bounds import MAX_FIELDS, MAX_FORCED_CHARACTERS, MAX_STOP_CHARACTERS

T = TypeVar("T")

NULL = {"type": "null"}

HALF_CHARACTER = "it holds half of a surrogate pair, which is no text; send whole characters"


class FieldError(ValueError):
    """A finding about a request as a whole that has one field to blame."""

    def __init__(self, param: str, message: str) -> None:
        """Blame `param`."""
        super().__init__(message)
        self.param = param


class Strict(BaseModel):
    """Request parts: an unknown field or a wrong type is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, data: Any) -> Any:
        # Each unknown one would be a finding of its own.
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            raise ValueError(f"it has {len(data)} fields; no object of this API has more than {MAX_FIELDS}")
        return data


def nullable(schema: dict[str, Any]) -> None:
    """Let every field that may be absent be null in the JSON schema, as pydantic writes it."""
    fields, required = schema["properties"], schema.get("required", ())
    for name, field in fields.items():
        if name not in required and NULL not in field.get("anyOf", ()):
            about = {key: field.pop(key) for key in ("default", "description", "title") if key in field}
            fields[name] = {"anyOf": [field, NULL], **about}


class Options(Strict):
    """Request parts in which null is as good as absent, except in the fields that say something by it.

    Null says nothing in a field that there is not, either: clients send all that their own models have.
    """

    model_config = ConfigDict(json_schema_extra=nullable)

    null_says_something: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None or name in cls.null_says_something}


class Frozen(BaseModel):
    """Response parts: a client must live with fields that a newer server adds."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class AlsoAs:
    """Marks a type whose values may come in other forms too: `read` turns these into what the type itself reads.

    `read` passes on everything else; `schemas` are the JSON schemas of the other forms.
    """

    read: Callable[[Any], Any]
    schemas: tuple[JsonDict, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the other forms before anything else is checked."""
        return no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Name the other forms."""
        return {"anyOf": [handler(schema), *self.schemas]}


def given(**types: str) -> Iterator[JsonDict]:
    """JSON schemas of which each says that a field is given, and not as null."""
    for field, type in types.items():
        yield {"required": [field], "properties": {field: {"type": type}}}


def if_given(description: str) -> Any:
    """Return a field that is None, and no part of the JSON, where it has nothing to tell."""
    return Field(default=None, description=description, exclude_if=lambda value: value is None)


def list_or_text(value: Any) -> str:
    """Tell which of the two kinds a field is given as, for a `Discriminator` between the tags `list` and `string`."""
    return "list" if isinstance(value, list) else "string"


def _no_surrogates(value: Any) -> Any:
    # Before the length is looked at, which a text with halves of characters has none of.
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(HALF_CHARACTER) from None
    return value


def sendable(value: T) -> T:
    """Return lists, dictionaries and what they are made of, if they can be sent as JSON.

    Raises:
        ValueError: if not; the message says what to do.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError(HALF_CHARACTER) from None
    except ValueError:
        raise ValueError("it holds NaN or an infinite number, which JSON has not") from None
    except RecursionError:
        raise ValueError("it is nested too deeply; send something flatter") from None
    return value


Text = Annotated[str, BeforeValidator(_no_surrogates)]
NonEmptyText = Annotated[str, Field(min_length=1), BeforeValidator(_no_surrogates)]
StopText = Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS), BeforeValidator(_no_surrogates)]
JsonObject = Annotated[dict[str, Any], AfterValidator(sendable)]
ForcedText = Annotated[str, Field(max_length=MAX_FORCED_CHARACTERS), BeforeValidator(_no_surrogates)]
