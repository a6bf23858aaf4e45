"""Calls as JSON objects that hold a name and arguments: one, several, or a list of them."""

from typing import Any

from anytime_client.protocol import ToolCall
from anytime_server.api.openai.tools.called import Offered, Read, call
from anytime_server.api.openai.tools.loose_json import LooseJson, read_json, without_fence

NAMES = ("name", "tool_name", "tool")
ARGUMENTS = ("arguments", "parameters", "args", "kwargs", "input")
ABOUT = frozenset({"id", "type", "index", "tool_call_id", "call_id"})
"""What models write beside name and arguments, which says nothing that a call needs."""

SEPARATORS = (",", ";")


def read_json_calls(inside: str, offered: Offered) -> Read | None:
    """Read objects such as `{"name": "add", "arguments": {"a": 1}}`, alone, in a row, or as a list."""
    cursor = LooseJson(without_fence(inside))
    calls: list[ToolCall] = []
    while cursor.peek() in ("{", "["):
        try:
            value = cursor.value()
        except ValueError:
            return None
        made = [call_of(each, unclosed=cursor.unclosed) for each in (value if isinstance(value, list) else [value])]
        if not all(made):
            return None
        calls += [each for each in made if each is not None]
        while cursor.peek() in SEPARATORS:
            cursor.take(cursor.peek())
    return Read(calls, cursor.text[cursor.position :]) if calls else None


def read_offered_calls(inside: str, offered: Offered) -> Read | None:
    """Read objects that stand without marks: calls of tools that were offered, and nothing beside them."""
    return only_offered(read_json_calls(inside, offered), offered)


def only_offered(read: Read | None, offered: Offered) -> Read | None:
    """Return `read` if it is calls of tools that were offered, and nothing else."""
    if read is None or read.rest.strip() or any(each.function.name not in offered for each in read.calls):
        return None
    return read


def read_named_objects(inside: str, offered: Offered) -> Read | None:
    """Read a list of objects whose only key is the name: `[{"add": {"a": 1}}]`."""
    try:
        value = read_json(inside)
    except ValueError:
        return None
    calls = []
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict) or len(each) != 1:
            return read_json_calls(inside, offered)
        ((name, arguments),) = each.items()
        if not isinstance(arguments, dict) or (made := call(name, arguments)) is None:
            return None
        calls.append(made)
    return Read(calls) if calls else None


def call_of(value: Any, *, unclosed: bool = False) -> ToolCall | None:
    """Return the call that a JSON object says; None if it says none, or something beside it.

    An object that is not closed (`unclosed`) has to have its arguments: they might have come next.
    """
    if not isinstance(value, dict):
        return None
    if isinstance(function := value.get("function"), dict):
        return call_of(function, unclosed=unclosed) if set(value) - ABOUT == {"function"} else None
    names = [key for key in (*NAMES, "function") if key in value]
    given = [key for key in ARGUMENTS if key in value]
    if len(names) != 1 or set(value) - ABOUT - set(names) - set(given) or (unclosed and not given):
        return None
    filled = [value[key] for key in given if value[key] not in (None, "", {})]
    if len(filled) > 1:
        return None
    arguments = filled[0] if filled else {}
    if isinstance(arguments, str):
        arguments = _from_text(arguments)
    return call(value[names[0]], arguments) if isinstance(arguments, dict) else None


def _from_text(text: str) -> Any:
    """Arguments that were written as JSON within a text; None if they are none."""
    try:
        return read_json(text) if text.strip() else {}
    except ValueError:
        return None
