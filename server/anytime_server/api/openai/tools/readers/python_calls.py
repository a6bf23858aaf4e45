"""Calls as Python writes them: `[add(a=1, b=2), now()]`. Nothing is evaluated; the values are literals."""

import re
from typing import Any

from anytime_client.protocol import ToolCall
from anytime_server.api.openai.tools.called import Offered, Read, call
from anytime_server.api.openai.tools.loose_json import LooseJson, without_fence
from anytime_server.api.openai.tools.readers.json_calls import only_offered, read_json_calls

JSON_LIST = re.compile(r"\s*\[?\s*\{")


def read_python_calls(inside: str, offered: Offered) -> Read | None:
    """Read calls with keywords, in brackets or one a line; JSON objects are read as such."""
    if JSON_LIST.match(inside):
        return read_json_calls(inside, offered)
    cursor = LooseJson(without_fence(inside))
    try:
        listed, calls = cursor.take("["), [_call(cursor)]
        while cursor.take(",") or cursor.peek() not in ("", "]"):
            if cursor.peek() in ("", "]"):
                break
            calls.append(_call(cursor))
        if listed:
            cursor.take("]")
    except ValueError:
        return None
    return Read(calls, cursor.text[cursor.position :])


def read_offered_python_calls(inside: str, offered: Offered) -> Read | None:
    """Read calls that stand without marks: of tools that were offered, and nothing beside them."""
    return only_offered(read_python_calls(inside, offered), offered)


def _call(cursor: LooseJson) -> ToolCall:
    name = cursor.word()
    if not cursor.take("("):
        cursor.fail()
    arguments: dict[str, Any] = {}
    while not cursor.take(")"):
        key = cursor.word()
        if not cursor.take("="):
            cursor.fail()
        arguments[key] = cursor.value()
        if not cursor.take(",") and cursor.peek() != ")":
            cursor.fail()
    return call(name, arguments) or cursor.fail()
