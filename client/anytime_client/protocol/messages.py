"""The turns of a conversation, and the tools that they may call."""

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from anytime_client.protocol.base import AlsoAs, FieldError, JsonObject, Options, Text, list_or_text
from anytime_client.protocol.bounds import MAX_PARTS, MAX_TOOL_CALLS

MOST_NESTED = 100
"""Brackets within brackets in the arguments of a call."""

BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def _is_text(kind: Any) -> Any:
    if kind != "text":
        raise ValueError(f"the model reads text only: send parts of type 'text', not {kind!r}")
    return kind


def _no_arguments(arguments: Any) -> Any:
    """Clients send back a call without arguments as the stream had it: as no text at all."""
    return "{}" if arguments is None or (isinstance(arguments, str) and not arguments.strip()) else arguments


def _is_json_object(text: str) -> str:
    if _depth(text) > MOST_NESTED:
        raise ValueError(f"it is nested more than {MOST_NESTED} deep; send flatter arguments")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it must be a JSON object as text: {error}") from None
    if not isinstance(value, dict):
        raise ValueError("it must be a JSON object as text")
    return text


def _depth(text: str) -> int:
    """How deep the brackets of a JSON text are nested; those in its texts don't count."""
    deepest = depth = 0
    for bracket in BRACKETS.findall(text):
        depth += (bracket in "[{") - (bracket in "]}")
        deepest = max(deepest, depth)
    return deepest


class TextPart(Options):
    """A part of a message. The server reads text, nothing else."""

    type: Annotated[str, BeforeValidator(_is_text)] = Field(
        default="text", description="the only kind of part", json_schema_extra={"const": "text"}
    )
    text: Text = Field(description="the text")


Arguments = Annotated[Text, AlsoAs(_no_arguments, ({"type": "null"},)), AfterValidator(_is_json_object)]


class FunctionCall(Options):
    """The function that a tool call names, and its arguments as JSON text."""

    null_says_something = frozenset({"arguments"})

    name: Text = Field(min_length=1, description="of the function")
    arguments: Arguments = Field(description="a JSON object as text")


class ToolCall(Options):
    """A call that an assistant's turn made."""

    id: Text = Field(description="the tool's turn that answers it names it as tool_call_id")
    type: Literal["function"] = Field(default="function", description="the only kind of call")
    function: FunctionCall = Field(description="what is called")


class FunctionDefinition(Options):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: Text = Field(min_length=1, description="of the function")
    description: Text | None = Field(default=None, description="what it does")
    parameters: JsonObject | None = Field(default=None, description="a JSON schema of its arguments")
    strict: bool | None = Field(
        default=None, description="accepted; arguments are as the model wrote them, so validate them"
    )


class ToolDefinition(Options):
    """A tool, as the model's chat template is told of it."""

    type: Literal["function"] = Field(default="function", description="the only kind of tool")
    function: FunctionDefinition = Field(description="the function")


Content = Annotated[
    Annotated[list[TextPart], Field(max_length=MAX_PARTS, fail_fast=True), Tag("list")]
    | Annotated[Text, Tag("string")],
    Discriminator(list_or_text),
]


class ChatMessage(Options):
    """One turn of a conversation.

    The thinking of an earlier turn is given as `reasoning_content`, or inline in `content` between the model's own
    markers; the model's chat template decides what becomes of it.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"] = Field(description="whose turn it is")
    content: Content | None = Field(default=None, description="text, or parts of type text")
    name: Text | None = Field(default=None, description="of the speaker, for templates that show it")
    reasoning_content: Text | None = Field(default=None, description="the thinking of an assistant's turn")
    tool_calls: Annotated[list[ToolCall], Field(max_length=MAX_TOOL_CALLS, fail_fast=True)] | None = Field(
        default=None, description="of an assistant's turn"
    )
    tool_call_id: Text | None = Field(default=None, description="the call that a tool's turn answers")

    @model_validator(mode="after")
    def _fits_its_role(self) -> Self:
        for field in ("reasoning_content", "tool_calls"):
            if getattr(self, field) is not None and self.role != "assistant":
                raise FieldError(field, f"it belongs to role assistant, not {self.role}")
        if self.tool_call_id is not None and self.role != "tool":
            raise FieldError("tool_call_id", f"it belongs to role tool, not {self.role}")
        if self.content is None and not self.tool_calls and self.reasoning_content is None:
            raise FieldError(
                "content", "it is missing: only an assistant's turn with tool_calls or reasoning_content may go without"
            )
        return self

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""
