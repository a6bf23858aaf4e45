"""The input of a response as the turns of a conversation."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from anytime_client.protocol import FieldError
from anytime_server.api.openai.responses.tools import INPUT
from anytime_server.errors import InvalidRequest

Item = Mapping[str, Any]
Messages = list[dict[str, Any]]
TEXT_PARTS = ("input_text", "output_text", "reasoning_text", "summary_text", "text")
ROLES = ("user", "assistant", "system", "developer")
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
        "type",
    }
)
"""Fields of an item that say nothing to the model."""
NULL_IS_A_VALUE = ("arguments",)
"""Fields that say something by null: a call without arguments."""
CHAT_CALLS = {"tool_calls", "tool_call_id"}
"""How messages of /v1/chat/completions hold calls and results, which are items of their own here."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of item: what reads it into the messages, and the fields that it has; those in `texts` hold a text."""

    read: Callable[[Messages, Item], None]
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()


def messages_of(given: str | list[dict[str, Any]], instructions: str | None) -> Messages:
    """Return the messages that `given` amounts to.

    Reasoning, text and function calls that follow each other are one turn of the assistant. A field that is null is
    as good as absent.

    Raises:
        InvalidRequest: if an item is of a kind that the model can't read, or has a field that would get lost.
    """
    messages: Messages = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    for index, item in enumerate(given):
        known = {name: value for name, value in item.items() if value is not None or name in NULL_IS_A_VALUE}
        try:
            _read(messages, known)
        except FieldError as error:
            raise InvalidRequest(str(error), param=f"input.{index}.{error.param}") from error
        except KeyError as error:
            raise InvalidRequest(_lack(known, error.args[0]), param=f"input.{index}") from error
        except TypeError as error:
            raise InvalidRequest(str(error), param=f"input.{index}") from error
    return messages


def _read(messages: Messages, item: Item) -> None:
    name = item.get("type", "message")
    if not isinstance(name, str) or name not in KINDS:
        raise FieldError("type", f"items of type {name!r} can't be read; send {', '.join(KINDS)}")
    kind = KINDS[name]
    if of_chat := item.keys() & CHAT_CALLS:
        raise FieldError(min(of_chat), "send calls as items of type function_call, results as function_call_output")
    for field in kind.texts:
        if not isinstance(item.get(field, ""), str | None):
            raise FieldError(field, "must be a string")
    kind.read(messages, item)
    if unknown := item.keys() - BESIDE_AN_ITEM - {*kind.texts, *kind.others}:
        raise FieldError(min(unknown), "unknown field; remove it")


def _message(messages: Messages, item: Item) -> None:
    role, text = item["role"], _text(item["content"])
    if role not in ROLES:
        raise FieldError("role", f"must be one of {', '.join(ROLES)}")
    turn = messages[-1] if messages and messages[-1]["role"] == role == "assistant" else None
    if turn is not None and (turn["content"] == "" or "tool_calls" in turn):
        turn["content"] += text
    else:
        messages.append({"role": role, "content": text})


def _reasoning(messages: Messages, item: Item) -> None:
    if text := _text(item.get("content", [])) or _text(item.get("summary", [])):
        messages.append({"role": "assistant", "content": "", "reasoning_content": text})


def _function_call(messages: Messages, item: Item) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    function = {"name": item["name"], "arguments": item["arguments"]}
    messages[-1].setdefault("tool_calls", []).append({"id": item["call_id"], "function": function})


def _function_call_output(messages: Messages, item: Item) -> None:
    messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": _text(item["output"])})


def _custom_tool_call(messages: Messages, item: Item) -> None:
    _function_call(messages, {**item, "arguments": json.dumps({INPUT: item["input"]}, ensure_ascii=False)})


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise TypeError("its content must be a text or a list of parts")
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in TEXT_PARTS:
            raise TypeError(f"the model reads text only: send parts of type {', '.join(TEXT_PARTS)}")
        if not isinstance(part.get("text"), str):
            problem = "its text is no string" if "text" in part else _lack(part, "text")
            raise TypeError(f"a part of its content can't be read: {problem}")
    return "".join(part["text"] for part in content)


def _lack(item: Item, name: str) -> str:
    """Say that an item has no field of this name, and which of its fields may be meant to be it."""
    close = get_close_matches(name, item, n=1)
    return f"it lacks {name!r}" + (f"; did you mean that by {close[0]!r}?" if close else "")


KINDS: Mapping[str, Kind] = {
    "message": Kind(_message, ("role",), ("content",)),
    "reasoning": Kind(_reasoning, (), ("content", "summary", "encrypted_content")),
    "function_call": Kind(_function_call, ("name", "arguments", "call_id")),
    "function_call_output": Kind(_function_call_output, ("call_id",), ("output", "name")),
    "custom_tool_call": Kind(_custom_tool_call, ("name", "input", "call_id")),
    "custom_tool_call_output": Kind(_function_call_output, ("call_id",), ("output", "name")),
}
