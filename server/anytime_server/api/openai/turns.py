"""The messages and tools of a conversation as clients send them, in the protocol's words.

Clients send back what a response held, and what other servers have added to it.
"""

from collections.abc import Mapping
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

THOUGHTS = {"thinking": "thinking", "reasoning": "reasoning"}
"""Parts of a message that are thinking, and the field that holds it. What a client gives as a type may be no key."""

BESIDE_A_PART = ("cache_control",)
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
    except FieldError as error:
        raise FieldError(f"messages.{index}.{error.param}", str(error)) from error
    if given.get("role") == "assistant":
        given = _with_its_thinking(given)
    elif "reasoning" in given:
        given["reasoning_content"] = given.pop("reasoning")
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
    forms = [turn.get("reasoning_content"), turn.get("reasoning")]
    forms += [_joined(turn.get(name), field) for name, field in ITEMISED.items()]
    content = rest.get("content")
    if isinstance(content, list):
        thoughts = [part for part in content if isinstance(part, dict) and part.get("type") in tuple(THOUGHTS)]
        forms += ["".join(_text(part.get(THOUGHTS[part["type"]])) for part in thoughts)]
        rest["content"] = [part for part in content if part not in thoughts]
    thinking = next((form for form in forms if form), None)
    return rest if thinking is None else {**rest, "reasoning_content": thinking}


ITEMISED = {"reasoning_details": "text", "thinking_blocks": "thinking"}
"""Lists in which other servers give a turn's thinking once more, and the field of an item that holds the text."""


def _joined(items: Any, field: str) -> str:
    return (
        "".join(_text(item.get(field)) for item in items if isinstance(item, dict)) if isinstance(items, list) else ""
    )


def _text(value: Any) -> str:
    """Return a text, or the texts of parts, as one."""
    return value if isinstance(value, str) else _joined(value, "text")


def _of_function(item: Any, names: tuple[str, ...]) -> Any:
    """Return a call or a tool without the fields of these names, and its function without what an SDK read into it."""
    rest = _without(item, names)
    if isinstance(rest, dict) and isinstance(function := rest.get("function"), dict):
        rest["function"] = {name: value for name, value in function.items() if name != READ_INTO_A_CALL}
    return rest


def _without(item: Any, names: tuple[str, ...]) -> Any:
    """Return the fields of `item` that are not null, without those of these names."""
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if value is not None and name not in names}
