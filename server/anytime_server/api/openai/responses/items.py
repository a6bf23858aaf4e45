"""The input of a response, item by item, and the turns of a conversation that it amounts to."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from anytime_client.protocol import FieldError
from anytime_client.protocol.base import Options, Text, list_or_text
from anytime_client.protocol.bounds import MAX_MESSAGES, MAX_PARTS
from anytime_client.protocol.messages import Arguments
from anytime_server.api.openai.responses.tools import INPUT
from anytime_server.api.openai.turns import BESIDE_A_PART

TEXT_PARTS = ("input_text", "output_text", "reasoning_text", "summary_text", "text")
BESIDE_AN_ITEM = frozenset(
    {
        "annotations",
        "async",
        "cache_control",
        "caller",
        "created_by",
        "end_turn",
        "id",
        "namespace",
        "parsed_arguments",
        "phase",
        "provider_data",
        "provider_specific_fields",
        "status",
    }
)
"""Fields of an item that say nothing to the model."""
CHAT_CALLS = {"tool_calls", "tool_call_id"}
"""How messages of /v1/chat/completions hold calls and results, which are items of their own here."""


@dataclass(slots=True)
class Turn:
    """A message of the conversation, and the field of the request that the latest part of it came in."""

    message: dict[str, Any]
    field: str


def _is_text(kind: Any) -> Any:
    if kind not in TEXT_PARTS:
        raise ValueError(f"the model reads text only: send parts of type {', '.join(TEXT_PARTS)}, not {kind!r}")
    return kind


class Part(Options):
    """A part of an item's text."""

    type: Annotated[str, BeforeValidator(_is_text)] = Field(json_schema_extra={"enum": list(TEXT_PARTS)})
    text: Text

    @model_validator(mode="before")
    @classmethod
    def _what_is_said(cls, data: Any) -> Any:
        return _without(data, BESIDE_A_PART) if isinstance(data, dict) else data


Parts = Annotated[list[Part], Field(max_length=MAX_PARTS, fail_fast=True)]
Content = Annotated[
    Annotated[Parts, Tag("list")] | Annotated[Text, Tag("string")],
    Discriminator(list_or_text),
]


class Item(Options):
    """A part of a conversation, as OpenAI itemises it."""

    @model_validator(mode="before")
    @classmethod
    def _what_is_said(cls, data: Any) -> Any:
        return _without(data, BESIDE_AN_ITEM) if isinstance(data, dict) else data

    @abstractmethod
    def join(self, turns: list[Turn], field: str) -> None:
        """Say it, as a turn of its own or as a part of the last one; it came in this field of the request."""


class MessageItem(Item):
    """What somebody said."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content

    def join(self, turns: list[Turn], field: str) -> None:
        """Go on in an assistant's turn that has no text so far, or that has called something since."""
        text, turn = _text(self.content), _assistants(turns) if self.role == "assistant" else None
        if turn is not None and (turn.message["content"] == "" or "tool_calls" in turn.message):
            turn.message["content"] += text
            turn.field = field
        else:
            turns.append(Turn({"role": self.role, "content": text}, field))


class ReasoningItem(Item):
    """The thinking of an assistant's turn; its summary stands for it where there is nothing else."""

    type: Literal["reasoning"]
    content: Content = ""
    summary: Content = ""
    encrypted_content: Any = None

    def join(self, turns: list[Turn], field: str) -> None:
        """Open an assistant's turn, if there is any text."""
        if text := _text(self.content) or _text(self.summary):
            turns.append(Turn({"role": "assistant", "content": "", "reasoning_content": text}, field))


class CallItem(Item):
    """A call of a tool by the model."""

    name: Text = Field(min_length=1)
    call_id: Text

    @abstractmethod
    def given(self) -> str:
        """Return the arguments as JSON text."""

    def join(self, turns: list[Turn], field: str) -> None:
        """Be one of the calls of an assistant's turn."""
        turn = _assistants(turns)
        if turn is None:
            turns.append(turn := Turn({"role": "assistant", "content": ""}, field))
        call = {"id": self.call_id, "function": {"name": self.name, "arguments": self.given()}}
        turn.message.setdefault("tool_calls", []).append(call)
        turn.field = field


class FunctionCallItem(CallItem):
    """A call of a function."""

    null_says_something = frozenset({"arguments"})

    type: Literal["function_call"]
    arguments: Arguments

    def given(self) -> str:
        """Return the arguments as they are."""
        return self.arguments


class CustomCallItem(CallItem):
    """A call of a tool that takes text."""

    type: Literal["custom_tool_call"]
    input: Text

    def given(self) -> str:
        """Return the text as the one argument of the function that the model knows the tool by."""
        return json.dumps({INPUT: self.input}, ensure_ascii=False)


class ResultItem(Item):
    """What a call has come to."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: Text
    output: Content
    name: Text | None = None

    def join(self, turns: list[Turn], field: str) -> None:
        """Be a turn of the tool's."""
        turns.append(Turn({"role": "tool", "tool_call_id": self.call_id, "content": _text(self.output)}, field))


KINDS = (
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
)


def _as_item(item: Any) -> Any:
    """Return an item with its kind, which a message may leave out."""
    if not isinstance(item, dict):
        raise ValueError("it must be an object: a message, reasoning, a call or the result of one")
    kind = item.get("type")
    kind = "message" if kind is None else kind
    if kind == "item_reference":
        raise FieldError("type", "responses are not stored: send the items themselves, as clients do with store: false")
    if kind not in KINDS:
        raise FieldError("type", f"items of type {kind!r} can't be read; send {', '.join(KINDS)}")
    if of_chat := item.keys() & CHAT_CALLS:
        raise FieldError(min(of_chat), "send calls as items of type function_call, results as function_call_output")
    return {**item, "type": kind}


AnyItem = Annotated[
    Annotated[
        MessageItem | ReasoningItem | FunctionCallItem | CustomCallItem | ResultItem, Field(discriminator="type")
    ],
    BeforeValidator(_as_item),
]
Input = Annotated[
    Annotated[list[AnyItem], Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True), Tag("list")]
    | Annotated[Text, Tag("string")],
    Discriminator(list_or_text),
]


def turns_of(given: str | Sequence[Item], instructions: str | None) -> list[Turn]:
    """Return the turns that `given` amounts to.

    Reasoning, text and calls that follow each other are one turn of the assistant.
    """
    turns = [Turn({"role": "system", "content": instructions}, "instructions")] if instructions else []
    if isinstance(given, str):
        return [*turns, Turn({"role": "user", "content": given}, "input")]
    for index, item in enumerate(given):
        item.join(turns, f"input.{index}")
    return turns


def _assistants(turns: list[Turn]) -> Turn | None:
    """Return the last turn, if it is the assistant's: text and calls may join it."""
    return turns[-1] if turns and turns[-1].message["role"] == "assistant" else None


def _text(content: str | list[Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _without(data: dict[str, Any], beside: frozenset[str]) -> dict[str, Any]:
    """Return the fields of `data` that say something to the model."""
    return {name: value for name, value in data.items() if name not in beside}
