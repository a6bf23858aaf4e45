"""The tools of a response: what the model is told of them, and how its calls come back.

A custom tool takes text instead of JSON; the model is told of a function with that text as its one argument. A hosted
tool is one that OpenAI's server runs by itself: here no one does, so the model is not told of it, as if it chose
not to use it. That is no answer to a request which offers nothing else, so such a request is refused.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from anytime_client.protocol import FieldError, FunctionDefinition, Text, ToolCall
from anytime_client.protocol.base import JsonObject, Options

Hosted = Literal["image_generation", "local_shell", "tool_search", "web_search", "web_search_preview"]
INPUT = "input"


class FunctionTool(FunctionDefinition):
    """A function that the model may call."""

    type: Literal["function"]

    def definition(self) -> dict[str, Any]:
        """Return what the model is told."""
        return self.model_dump(exclude={"type"}, exclude_none=True)


class CustomTool(Options):
    """A tool that takes text; a grammar of that text is told to the model, not enforced."""

    type: Literal["custom"]
    name: Text = Field(min_length=1, description="of the tool")
    description: Text | None = Field(default=None, description="what it does")
    format: JsonObject | None = Field(default=None, description="what its text looks like")

    def definition(self) -> dict[str, Any]:
        """Return what the model is told."""
        grammar = (self.format or {}).get("definition")
        told = [self.description, f"The input follows this grammar:\n{grammar}" if grammar else None]
        text = {"type": "string", "description": "the tool's input, as it is"}
        parameters = {"type": "object", "properties": {INPUT: text}, "required": [INPUT]}
        return {"name": self.name, "description": "\n\n".join(filter(None, told)), "parameters": parameters}


class HostedTool(BaseModel):
    """A tool that nobody runs here; whatever it is set up with."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Hosted


def _as_sent(tool: Any) -> Any:
    """Return a tool as it is; one in the shape of /v1/chat/completions is refused."""
    if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
        raise FieldError("function", "tools are flat here: give its name and parameters beside the type")
    return tool


ResponseTool = Annotated[
    Annotated[FunctionTool | CustomTool | HostedTool, Field(discriminator="type")], BeforeValidator(_as_sent)
]


def custom_input(call: ToolCall) -> str:
    """Return the text that a call of a custom tool gives it."""
    given = json.loads(call.function.arguments).get(INPUT)
    return given if isinstance(given, str) else call.function.arguments
