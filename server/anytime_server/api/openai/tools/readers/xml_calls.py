"""Calls as tags: a function, and in it a tag per argument, whose type its schema tells."""

import re
from typing import Any

from anytime_server.api.openai.tools.called import Offered, Read, call
from anytime_server.api.openai.tools.loose_json import read_json
from anytime_server.api.openai.tools.typed import typed

TAG = re.compile(
    r"<(?P<prefix>[\w｜]{1,32}:|｜DSML｜)?(?P<kind>function|invoke|parameter)"
    r"(?:=|\s+name\s*=)\s*[\"']?(?P<name>[^<>\"'\n]{1,256}?)[\"']?\s*"
    r"(?:string=[\"'](?P<text>true|false)[\"'])?\s*>"
)
END = re.compile(r"</(?:[\w｜]{1,32}:|｜DSML｜)?(function|invoke)>")
PARAMETER_END = re.compile(r"</(?:[\w｜]{1,32}:|｜DSML｜)?parameter>")


def read_function(inside: str, offered: Offered) -> Read | None:
    """Read what follows the text that opens a function: `add>` and its arguments."""
    return read_xml_calls(f"<function={inside}</function>", offered)


def read_invoke(inside: str, offered: Offered) -> Read | None:
    """Read what follows the text that opens an invocation: `"add">` and its arguments."""
    return read_xml_calls(f"<invoke name={inside}</invoke>", offered)


def read_xml_calls(inside: str, offered: Offered) -> Read | None:
    """Read functions such as `<function=add><parameter=a>1</parameter></function>`; what is between them is text."""
    calls, rest, position = [], "", 0
    while function := _tag(inside, position, ("function", "invoke")):
        rest += inside[position : function.start()]
        name = function["name"]
        read = _arguments(inside, function.end(), offered.get(name) or {})
        if read is None or (made := call(name, read[0])) is None:
            return None
        calls.append(made)
        position = read[1]
    return Read(calls, (rest + inside[position:]).strip()) if calls else None


def _arguments(text: str, position: int, schema: Any) -> tuple[dict[str, Any], int] | None:
    """The arguments that stand from `position` on, and where the function ends; None if there is something else."""
    arguments: dict[str, Any] = {}
    other = ""
    while True:
        parameter, end = TAG.search(text, position), END.search(text, position)
        stop = end.start() if end else len(text)
        if parameter is None or parameter.start() > stop or parameter["kind"] != "parameter":
            if parameter is not None and parameter.start() < stop:
                stop, end = parameter.start(), None
            other += text[position:stop]
            break
        other += text[position : parameter.start()]
        closed = PARAMETER_END.search(text, parameter.end())
        value_end = closed.start() if closed else stop
        value = _without_line_breaks(text[parameter.end() : value_end])
        as_text = parameter["text"] == "true"
        arguments[parameter["name"]] = value if as_text else typed(parameter["name"], value, schema)
        position = closed.end() if closed else value_end
    if other.strip():
        return (body, end.end() if end else stop) if not arguments and (body := _object(other)) is not None else None
    return arguments, end.end() if end else stop


def _tag(text: str, position: int, kinds: tuple[str, ...]) -> re.Match[str] | None:
    return next((tag for tag in TAG.finditer(text, position) if tag["kind"] in kinds), None)


def _object(text: str) -> dict[str, Any] | None:
    """Arguments that stand in a function as one JSON object."""
    try:
        value = read_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _without_line_breaks(value: str) -> str:
    """The value without the line break that the tags on both sides of it stand on."""
    return value.removeprefix("\n").removesuffix("\n")
