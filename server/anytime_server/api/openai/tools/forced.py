"""Calls that a client insists on: the answer is held to their JSON schema, and is nothing but calls.

A tool that `tool_choice` names is called once, and the answer is its arguments. With `required` it is a list of calls,
each an object with a `name` and `parameters`, as vLLM has models write it.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from anytime_client.protocol import ToolCall, ToolDefinition
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.tools.called import Piece, call
from anytime_server.api.openai.tools.loose_json import read_json
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import schemas_in

DEFINITIONS = "$defs"


def forced_schema(chat: ChatRequest) -> dict[str, Any]:
    """Return the JSON schema of the answer to a `chat` whose model must call.

    Raises:
        InvalidRequest: if there is no such tool.
    """
    tools = {tool.function.name: tool for tool in chat.tools or ()}
    if not tools:
        raise InvalidRequest("there is nothing to call: give tools, or leave it out", param="tool_choice")
    name = chat.named_tool
    if name is None:
        return _list_of_calls(list(tools.values()), parallel=chat.parallel_tool_calls)
    if name not in tools:
        raise InvalidRequest(f"no tool is called {name!r}; there are {', '.join(tools)}", param="tool_choice")
    return _parameters(tools[name])


class ForcedCalls:
    """Reads an answer that is nothing but calls; one that was cut before its end, or is nested too deep, is text."""

    def __init__(self, name: str | None) -> None:
        """Read the arguments of the tool `name`, or a list of calls."""
        self._name = name
        self._heard: list[str] = []

    def feed(self, text: str) -> Piece:
        """Take in more of the answer: its calls are told whole."""
        self._heard.append(text)
        return Piece()

    def finish(self, *, cut: bool = False) -> Piece:
        """Return the calls."""
        text = "".join(self._heard)
        try:
            answer = read_json(text)
            said = answer if self._name is None else [{"name": self._name, "parameters": answer}]
            return Piece(tuple(_calls(said)) or (text,))
        except ValueError:
            return Piece((text,))


def _calls(said: Any) -> Iterator[ToolCall]:
    for one in said if isinstance(said, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("parameters"), dict):
            made = call(one.get("name"), one["parameters"])
            if made is not None:
                yield made


def _list_of_calls(tools: list[ToolDefinition], *, parallel: bool) -> dict[str, Any]:
    # References lead through objects alone: there are grammars that can't follow them into a list.
    definitions = {f"tool{number}": _parameters(tool) for number, tool in enumerate(tools)}
    for key, schema in definitions.items():
        _move(schema, f"#/{DEFINITIONS}/{key}")
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool.function.name},
                "parameters": {"$ref": f"#/{DEFINITIONS}/{key}"},
            },
            "required": ["name", "parameters"],
            "additionalProperties": False,
        }
        for key, tool in zip(definitions, tools, strict=True)
    ]
    most = {} if parallel else {"maxItems": 1}
    return {DEFINITIONS: definitions, "type": "array", "minItems": 1, **most, "items": {"anyOf": calls}}


def _parameters(tool: ToolDefinition) -> dict[str, Any]:
    """The schema of a tool's arguments, the caller's to change: an object in any case."""
    return {"type": "object", **deepcopy(dict(tool.function.parameters or {}))}


def _move(schema: dict[str, Any], to: str) -> None:
    """Let the references within a schema lead to where it is put."""
    for part in schemas_in(schema):
        reference = part.get("$ref")
        if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
            part["$ref"] = to + reference[1:]
