"""What the parts of the protocol are made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function


class FieldError(ValueError):
    """A finding about a request as a whole that has one field to blame."""

    def __init__(self, param: str, message: str) -> None:
        """Blame `param`."""
        super().__init__(message)
        self.param = param


class Strict(BaseModel):
    """Request parts: an unknown field or a wrong type is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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


def _no_surrogates(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half of a surrogate pair, which is no text; send whole characters")
    return text


Text = Annotated[str, AfterValidator(_no_surrogates)]
NonEmptyText = Annotated[str, Field(min_length=1), AfterValidator(_no_surrogates)]
