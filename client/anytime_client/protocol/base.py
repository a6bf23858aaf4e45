"""What the parts of the protocol are made of."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


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
