"""Calls as a name that is followed by its arguments as a JSON object."""

import re

from anytime_client.protocol import ToolCall
from anytime_server.api.openai.tools.called import Offered, Read, call
from anytime_server.api.openai.tools.loose_json import LooseJson, read_json
from anytime_server.api.openai.tools.readers.json_calls import read_json_calls

SEPARATOR_DEEPSEEK = "<｜tool▁sep｜>"
SEPARATOR_KIMI = "<|tool_call_argument_begin|>"
KIMI_NAME = re.compile(r"(?:functions\.)?(.+?)(?::\d+)?", re.DOTALL)
NAME = re.compile(r"\s*([\w.-]{1,256})")
MISTRAL_HEAD = re.compile(r"\s*([\w.-]{1,256})\s*(?:\[CALL_ID\][^\[\]]{0,256})?(?:\[ARGS\])?\s*(?=\{)")
GEMMA_QUOTE = '<|"|>'
GEMMA_HEAD = re.compile(r"\s*call:([\w.-]{1,256})\s*(?=\{)")


def read_deepseek(inside: str, offered: Offered) -> Read | None:
    """Read `add<sep>{...}` (V3.1), or `function<sep>add` and the arguments in a code fence (V3, R1)."""
    head, found, tail = inside.partition(SEPARATOR_DEEPSEEK)
    if not found:
        return None
    if not tail.lstrip().startswith(("{", "```")) and (named := NAME.match(tail)):
        head, tail = named[1], tail[named.end() :]
    return _one(head.strip(), tail)


def read_kimi(inside: str, offered: Offered) -> Read | None:
    """Read `functions.add:0<begin>{...}`."""
    head, found, tail = inside.partition(SEPARATOR_KIMI)
    name = KIMI_NAME.fullmatch(head.strip())
    return _one(name[1], tail) if found and name else None


def read_mistral(inside: str, offered: Offered) -> Read | None:
    """Read `add[ARGS]{...}`, or a list of JSON objects; what follows them is text."""
    if inside.lstrip().startswith(("[", "{")):
        return read_json_calls(inside, offered)
    named = MISTRAL_HEAD.match(inside)
    return _first(named[1], inside[named.end() :]) if named else None


def read_gemma(inside: str, offered: Offered) -> Read | None:
    """Read `call:add{a:1,b:<|"|>text<|"|>}`: keys stand bare, texts between a quote of their own."""
    named = GEMMA_HEAD.match(inside)
    if named is None:
        return None
    parts = inside[named.end() :].split(GEMMA_QUOTE)
    quoted = [_quoted(part) if index % 2 else part for index, part in enumerate(parts)]
    return _one(named[1], "".join(quoted)) if len(parts) % 2 else None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one(name: str, arguments: str) -> Read | None:
    """The call whose arguments are the whole text; none at all are an empty object."""
    try:
        value = read_json(arguments) if arguments.strip() else {}
    except ValueError:
        return None
    return _read(call(name, value)) if isinstance(value, dict) else None


def _first(name: str, text: str) -> Read | None:
    """The call whose arguments begin the text."""
    cursor = LooseJson(text)
    try:
        value = cursor.value()
    except ValueError:
        return None
    return _read(call(name, value), text[cursor.position :]) if isinstance(value, dict) else None


def _read(made: ToolCall | None, rest: str = "") -> Read | None:
    return None if made is None else Read([made], rest)
