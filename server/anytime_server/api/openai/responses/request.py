"""The body of `POST /v1/responses`, and the chat request that it amounts to."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from anytime_client.protocol import Checkpoints, FieldError
from anytime_client.protocol.base import JsonObject, Options, Text
from anytime_client.protocol.bounds import MAX_TOKENS, MAX_TOOLS
from anytime_client.protocol.foreign import OPEN_BY_MINUS_ONE
from anytime_server.api.errors import as_invalid_request
from anytime_server.api.openai.chat_request import (
    ChatRequest,
    JsonObjectFormat,
    StreamOptions,
    TextFormat,
    refuse_allowed_tools,
)
from anytime_server.api.openai.neutral import BOOKKEEPING, CHAT_FIELDS, Neutral, without_neutral
from anytime_server.api.openai.responses.items import Input, turns_of
from anytime_server.api.openai.responses.tools import CustomTool, FunctionTool, HostedTool, ResponseTool
from anytime_server.api.openai.thinking import AskedEffort, ThinkingWords
from anytime_server.api.sent_names import as_sent
from anytime_server.errors import InvalidRequest

NO_STATE = "responses are not stored; send the earlier items in input"
FIELDS: Mapping[str, Neutral] = {
    **CHAT_FIELDS,
    "background": Neutral((False,), "take POST /reason with background"),
    "background_options": Neutral((), "take POST /reason with background"),
    "context_management": Neutral(([],), "nothing is compacted; shorten the input"),
    "conversation": Neutral((), NO_STATE),
    "include": Neutral(([],), "leave it out; reasoning items hold their text as it is"),
    "logprobs": Neutral((False,), "take /v1/chat/completions for logprobs"),
    "max_tool_calls": BOOKKEEPING,
    "previous_response_id": Neutral((), NO_STATE),
    "prompt": Neutral((), "prompts are not stored; send the text as input, or as instructions"),
    "top_logprobs": Neutral((0,), "take /v1/chat/completions for logprobs"),
    "truncation": Neutral(("auto", "disabled"), 'nothing is truncated; leave it out, or give "disabled"'),
}

NOT_HERE = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)
"""What `include` may ask for without effect: items that there are none of, and reasoning, which comes in the clear."""

NAMES = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages.": "input",
    "response_format.json_schema": "text.format",
    "response_format": "text.format",
}
"""What fields of the chat request are called here."""


Summary = Literal["auto", "concise", "detailed", "none"] | None


class Reasoning(Options):
    """How much to think."""

    effort: AskedEffort = None
    summary: Summary = Field(default=None, description="there is the text itself")
    generate_summary: Summary = Field(default=None, description="older name of summary")


class SchemaFormat(Options):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    name: str
    schema_: JsonObject = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class NamedTool(Options):
    """The tool that the answer must call."""

    type: Literal["function", "custom"]
    name: Text


class TextOptions(Options):
    """What the answer must look like."""

    format: TextFormat | JsonObjectFormat | SchemaFormat | None = Field(default=None, discriminator="type")
    verbosity: Literal["medium"] | None = None


class ResponsesRequest(ThinkingWords):
    """Items to respond to. The options of `POST /reason` are taken too."""

    model: Text | None = Field(default=None, description="the served model's name; another one is an error")
    input: Input = Field(description="a question, or messages, reasoning and function calls")
    instructions: Text | None = Field(default=None, description="a system message before the input")
    max_output_tokens: Annotated[Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=None, description="of thinking, closing and answer together"
    )
    reasoning: Reasoning = Field(default=Reasoning(), description="how much to think")
    text: TextOptions = Field(default=TextOptions(), description="what the answer must look like")
    tools: Annotated[list[ResponseTool], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = Field(  # type: ignore[assignment]
        default=None, description="functions and custom tools are given to the model's chat template, hosted ones not"
    )
    tool_choice: Literal["auto", "none", "required"] | NamedTool = Field(
        default="auto",
        description="none: the model is not told of the tools; required or a tool: the answer is calls, held to their "
        "schemas",
    )
    parallel_tool_calls: bool = Field(default=True, description="false keeps the first call of an answer")
    checkpoints: Checkpoints = Field(default=[], description="where interim answers are branched; default: nowhere")
    metadata: JsonObject | None = Field(default=None, description="comes back in the response")
    stream: bool = Field(default=False, description="answer as server-sent events")
    stream_options: StreamOptions = Field(default=StreamOptions(), description="accepted; the last event has the usage")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = dict(data)
        if isinstance(given.get("include"), list):
            given["include"] = [item for item in given["include"] if item not in NOT_HERE]
        refuse_allowed_tools(given)
        return without_neutral(given, FIELDS, ("metadata",))

    @model_validator(mode="after")
    def _some_tool_to_offer(self) -> Self:
        if self.left_out and not self.offered:
            raise FieldError("tools", f"no tools of type {self.left_out[0]!r} are run here: give functions")
        return self

    @property
    def offered(self) -> list[FunctionTool | CustomTool]:
        """The tools that the model is told of."""
        return [tool for tool in self.tools or () if not isinstance(tool, HostedTool)]

    @property
    def left_out(self) -> list[str]:
        """The kinds of tools that it is not told of."""
        return [tool.type for tool in self.tools or () if isinstance(tool, HostedTool)]


def chat_request(request: ResponsesRequest) -> ChatRequest:
    """Return the chat request that `request` amounts to.

    Raises:
        InvalidRequest: if a field can't be honoured.
    """
    options = {name: getattr(request, name) for name in ThinkingWords.model_fields if name in request.model_fields_set}
    tools = [{"function": tool.definition()} for tool in request.offered]
    translated = {
        "model": request.model,
        "messages": [turn.message for turn in turns_of(request.input, request.instructions)],
        "max_tokens": request.max_output_tokens,
        "reasoning": {"effort": request.reasoning.effort},
        "response_format": _response_format(request.text.format),
        "tools": tools or None,
        "tool_choice": _tool_choice(request),
        "parallel_tool_calls": request.parallel_tool_calls,
    }
    try:
        return ChatRequest.model_validate({**options, **translated})
    except ValidationError as error:
        raise as_sent(as_invalid_request(error.errors()), sent_names(request)) from error


def _tool_choice(request: ResponsesRequest) -> str | dict[str, Any]:
    choice = request.tool_choice
    if not isinstance(choice, NamedTool):
        return choice
    kind = next((tool.type for tool in request.offered if tool.name == choice.name), choice.type)
    if kind != choice.type:
        raise InvalidRequest(f"the tool {choice.name!r} is of type {kind!r}, not {choice.type!r}", param="tool_choice")
    return {"function": {"name": choice.name}}


def sent_names(request: ResponsesRequest) -> Mapping[str, str]:
    """Return how fields of the chat request were called in `request`."""
    turns = enumerate(turns_of(request.input, request.instructions))
    said = {f"messages.{index}.": turn.field for index, turn in turns}
    return said | {name: sent for name, sent in NAMES.items() if name not in request.model_fields_set}


def _response_format(format: TextFormat | JsonObjectFormat | SchemaFormat | None) -> dict[str, Any] | None:
    if isinstance(format, SchemaFormat):
        return {"type": format.type, "json_schema": format.model_dump(exclude={"type"}, by_alias=True)}
    return None if format is None else format.model_dump()
