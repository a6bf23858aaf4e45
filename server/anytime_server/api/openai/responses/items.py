"""The input of a response as the turns of a conversation."""

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from anytime_server.api.openai.responses.tools import INPUT
from anytime_server.errors import InvalidRequest

Item = Mapping[str, Any]
TEXT_PARTS = ("input_text", "output_text", "reasoning_text", "text")


def messages_of(given: str | list[dict[str, Any]], instructions: str | None) -> list[dict[str, Any]]:
    """Return the messages that `given` amounts to.

    Reasoning, text and function calls that follow each other are one turn of the assistant.

    Raises:
        InvalidRequest: if an item is of a kind that the model can't read.
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    for index, item in enumerate(given):
        kind = item.get("type", "message")
        if kind not in KINDS:
            raise InvalidRequest(
                f"items of type {kind!r} can't be read; send {', '.join(KINDS)}", param=f"input.{index}.type"
            )
        try:
            KINDS[kind](messages, item)
        except KeyError as error:
            raise InvalidRequest(_lack(item, error.args[0]), param=f"input.{index}") from error
        except TypeError as error:
            raise InvalidRequest(str(error), param=f"input.{index}") from error
    return messages


def _message(messages: list[dict[str, Any]], item: Item) -> None:
    text = _text(item["content"])
    if item["role"] == "assistant" and messages and messages[-1].get("content") == "":
        messages[-1]["content"] = text
    else:
        messages.append({"role": item["role"], "content": text})


def _reasoning(messages: list[dict[str, Any]], item: Item) -> None:
    text = _text(item.get("content") or [])
    messages.append({"role": "assistant", "content": "", "reasoning_content": text})


def _function_call(messages: list[dict[str, Any]], item: Item) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    function = {"name": item["name"], "arguments": item["arguments"]}
    messages[-1].setdefault("tool_calls", []).append({"id": item["call_id"], "function": function})


def _function_call_output(messages: list[dict[str, Any]], item: Item) -> None:
    messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": _text(item["output"])})


def _custom_tool_call(messages: list[dict[str, Any]], item: Item) -> None:
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


KINDS: Mapping[str, Callable[[list[dict[str, Any]], Item], None]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "custom_tool_call": _custom_tool_call,
    "custom_tool_call_output": _function_call_output,
}
