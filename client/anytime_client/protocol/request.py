"""The body of `POST /reason`."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from anytime_client.protocol.base import FieldError, Text, given, nullable
from anytime_client.protocol.bounds import MAX_MESSAGES
from anytime_client.protocol.foreign import fold_budget_aliases
from anytime_client.protocol.messages import ChatMessage
from anytime_client.protocol.options import ReasonOptions
from anytime_client.protocol.template import with_budget_of_switches


def _schema(schema: dict[str, Any]) -> None:
    nullable(schema)
    schema["oneOf"] = [*given(prompt="string", messages="array")]


class ReasonRequest(ReasonOptions):
    """Body of `POST /reason`. The budget's aliases are accepted; two that differ are an error."""

    model_config = ConfigDict(json_schema_extra=_schema)

    prompt: Text | None = Field(
        default=None, description="a question; or give `messages`", json_schema_extra={"pattern": r"\S"}
    )
    messages: Annotated[list[ChatMessage], Field(max_length=MAX_MESSAGES, fail_fast=True)] | None = Field(
        default=None,
        description="a conversation that does not end with the assistant; or give `prompt`",
        json_schema_extra={"minItems": 1},
    )
    model: Text | None = Field(default=None, description="the served model's name; another one is an error")
    stream: bool = Field(default=False, description="answer as server-sent events, as with Accept: text/event-stream")
    background: bool = Field(default=False, description="go on when the connection drops; read it by its id")
    grace_ms: int = Field(
        default=0,
        ge=0,
        le=600_000,
        description="how long a dropped stream may stay away, to go on at /reason/{id}/events, before it is cancelled",
    )

    @model_validator(mode="before")
    @classmethod
    def _fold_switches(cls, data: Any) -> Any:
        return with_budget_of_switches(fold_budget_aliases(data)) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise FieldError("prompt", "give either prompt or messages, and not both")
        if self.prompt is not None and not self.prompt.strip():
            raise FieldError("prompt", "it is empty: give a question")
        if self.messages is not None and not self.messages:
            raise FieldError("messages", "it is empty: give at least one user message")
        if self.messages and self.messages[-1].role == "assistant":
            last = f"messages.{len(self.messages) - 1}"
            raise FieldError(last, "the last one can't be the assistant's: end with the user's, or a tool's")
        return self

    @property
    def conversation(self) -> list[ChatMessage]:
        """The messages; a bare prompt is one user message."""
        return self.messages or [ChatMessage(role="user", content=self.prompt or "")]
