"""The messages and tools of a conversation as clients send them, in the protocol's words.

Clients send back what a response held, and what other servers have added to it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from anytime_client.protocol import FieldError
from anytime_server.api.openai.neutral import BOOKKEEPING, Neutral, without_neutral, without_null

MESSAGE_FIELDS: Mapping[str, Neutral] = {
    "annotations": Neutral(([],)),
    "audio": Neutral(()),
    "cache_control": BOOKKEEPING,
    "function_call": Neutral((), "give tool_calls"),
    "id": BOOKKEEPING,
    "images": Neutral(([],), "the model writes text only; leave it out"),
    "parsed": BOOKKEEPING,
    "provider_specific_fields": BOOKKEEPING,
    "refusal": Neutral(("",)),
    "status": BOOKKEEPING,
    "type": Neutral(("text", "message"), 'the only type of a message is "message"'),
}
"""Fields of a message that say nothing to the model."""

THOUGHTS = ("thinking", "reasoning")
"""Types of parts that are thinking; the field that holds it is called the same."""
BESIDE_A_THOUGHT = frozenset({"closed", "signature", "type"})
"""Fields of such a part that say nothing to the model."""

BESIDE_A_PART = frozenset(
    {
        "annotations",
        "cache_control",
        "extras",
        "id",
        "index",
        "logprobs",
        "parsed",
        "phase",
        "prompt_cache_breakpoint",
        "provider_data",
        "provider_specific_fields",
    }
)
"""Fields of a part that say nothing to the model."""
BESIDE_A_CALL = ("cache_control", "index", "provider_specific_fields")
BESIDE_A_TOOL = ("cache_control",)
READ_INTO_A_CALL = "parsed_arguments"


def message_of(index: int, message: Any) -> Any:
    """Return message number `index` as the protocol has it; what is none is passed on, to be refused there.

    The thinking of an earlier turn may come as `reasoning`, as parts of the content, or as other servers itemise it.

    Raises:
        FieldError: for a field that would have to mean something.
    """
    if not isinstance(message, dict):
        return message
    try:
        given = without_neutral(without_null(message), MESSAGE_FIELDS)
        if given.get("role") == "assistant":
            given = _with_its_thinking(given)
        elif "reasoning" in given:
            raise FieldError("reasoning", f"it belongs to role assistant, not {given.get('role')}")
    except FieldError as error:
        raise FieldError(f"messages.{index}.{error.param}", str(error)) from error
    if isinstance(given.get("content"), list):
        given["content"] = [_without(part, BESIDE_A_PART) for part in given["content"]]
    if isinstance(given.get("tool_calls"), list):
        given["tool_calls"] = [_of_function(call, BESIDE_A_CALL) for call in given["tool_calls"]]
    if given.get("tool_calls") == []:
        del given["tool_calls"]
    return given


def tools_of(tools: Any) -> Any:
    """Return the tools of a request without what is said beside their definitions."""
    return [_of_function(tool, BESIDE_A_TOOL) for tool in tools] if isinstance(tools, list) else tools


def _with_its_thinking(turn: dict[str, Any]) -> dict[str, Any]:
    """Return an assistant's turn with its thinking under one name: the first of its forms that holds any."""
    rest = {name: value for name, value in turn.items() if name not in ("reasoning", *ITEMISED)}
    forms = [turn.get("reasoning_content"), _text(turn.get("reasoning"), "reasoning")]
    forms += [_joined(turn.get(name, []), field, name) for name, field in ITEMISED.items()]
    content = rest.get("content")
    if isinstance(content, list):
        thoughts = {number: part for number, part in enumerate(content) if _is_thought(part)}
        forms += ["".join(_thought(part, f"content.{number}") for number, part in thoughts.items())]
        rest["content"] = [part for number, part in enumerate(content) if number not in thoughts]
    thinking = next((form for form in forms if form), None)
    return rest if thinking is None else {**rest, "reasoning_content": thinking}


ITEMISED = {"reasoning_details": "text", "thinking_blocks": "thinking"}
"""Lists in which other servers give a turn's thinking once more, and the field of an item that holds the text."""


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in THOUGHTS


def _thought(part: dict[str, Any], where: str) -> str:
    field = part["type"]
    said = _without(part, BESIDE_A_PART | BESIDE_A_THOUGHT)
    if unknown := said.keys() - {field}:
        raise FieldError(
            f"{where}.{min(unknown)}", f"unknown field; a part of type {field!r} has its text in {field!r}"
        )
    return _text(said.get(field), f"{where}.{field}")


def _joined(items: Any, field: str, where: str) -> str:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise FieldError(where, "it must be a list of objects")
    return "".join(_text(item.get(field), f"{where}.{number}.{field}") for number, item in enumerate(items))


def _text(value: Any, where: str) -> str:
    """Return a text, or the texts of parts, as one."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        raise FieldError(where, "it must be a text, or a list of parts with a text each")
    return _joined(value, "text", where)


def _of_function(item: Any, names: Collection[str]) -> Any:
    """Return a call or a tool without the fields of these names, and its function without what an SDK read into it."""
    rest = _without(item, names)
    if isinstance(rest, dict) and isinstance(function := rest.get("function"), dict):
        rest["function"] = {name: value for name, value in function.items() if name != READ_INTO_A_CALL}
    return rest


def _without(item: Any, names: Collection[str]) -> Any:
    """Return the fields of `item` that are not null, without those of these names."""
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if value is not None and name not in names}
