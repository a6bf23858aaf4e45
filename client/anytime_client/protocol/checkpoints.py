"""Where interim answers are branched."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from anytime_client.protocol.base import AlsoAs, Options, given
from anytime_client.protocol.bounds import MAX_TOKENS
from anytime_client.protocol.rules import CHECKPOINTS_PATTERN, read_checkpoints

MAX_CHECKPOINTS = 256
"""The most interim answers of one session."""


class CheckpointRule(Options):
    """Checkpoints by a rule; exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [*given(every="integer", count="integer", geometric="number")]}
    )

    every: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = Field(
        default=None, description="one every so many thinking tokens"
    )
    count: Annotated[int, Field(ge=0, le=MAX_CHECKPOINTS)] | None = Field(
        default=None, description="this many, evenly over the budget"
    )
    geometric: Annotated[float, Field(ge=1.01, le=1000)] | None = Field(
        default=None, description="from 16 tokens on, each this many times the last"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError('give exactly one of "every", "count" and "geometric"')
        return self


def _checkpoints_kind(value: Any) -> str:
    return "rule" if isinstance(value, Mapping | CheckpointRule) else "list"


def _as_sent(value: Any) -> Any:
    """Read a rule that is a text; null is none."""
    return [] if value is None else read_checkpoints(value) if isinstance(value, str) else value


Checkpoints = Annotated[
    Annotated[list[Annotated[int, Field(ge=0, le=MAX_TOKENS)]], Field(max_length=MAX_CHECKPOINTS), Tag("list")]
    | Annotated[CheckpointRule, Tag("rule")],
    Discriminator(_checkpoints_kind),
    AlsoAs(_as_sent, ({"type": "string", "pattern": CHECKPOINTS_PATTERN}, {"type": "null"})),
]
CHECKPOINTS_ADAPTER: TypeAdapter[list[int] | CheckpointRule] = TypeAdapter(Checkpoints)
"""Reads checkpoints however they are written."""
