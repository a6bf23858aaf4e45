"""The body of `POST /v1/responses`, and the chat request that it amounts to."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from anytime_client.protocol import Checkpoints, FunctionDefinition, ReasonOptions
from anytime_client.protocol.base import Strict
from anytime_server.api.errors import as_invalid_request
from anytime_server.api.openai.chat_request import ChatRequest, JsonObjectFormat, TextFormat, nullable
from anytime_server.api.openai.effort import Effort
from anytime_server.api.openai.neutral import CHAT_FIELDS, Neutral, without_neutral
from anytime_server.api.openai.responses.items import messages_of
from anytime_server.errors import AnytimeError

NO_STATE = "responses are not stored; send the earlier items in input"
FIELDS: Mapping[str, Neutral] = {
    **CHAT_FIELDS,
    "background": Neutral((False,), "take POST /reason with background"),
    "conversation": Neutral((), NO_STATE),
    "include": Neutral(([], ["reasoning.encrypted_content"]), "leave it out; reasoning items hold their text as it is"),
    "logprobs": Neutral((False,), "take /v1/chat/completions for logprobs"),
    "previous_response_id": Neutral((), NO_STATE),
    "top_logprobs": Neutral((0,), "take /v1/chat/completions for logprobs"),
    "truncation": Neutral(("disabled",), "nothing is truncated; shorten the input"),
}

NAMES = {"max_completion_tokens": "max_output_tokens", "messages": "input", "response_format": "text.format"}
"""What fields of the chat request are called here."""


class Reasoning(Strict):
    """How much to think."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = Field(default=None, description="there is the text itself")


class SchemaFormat(Strict):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextOptions(Strict):
    """What the answer must look like."""

    format: TextFormat | JsonObjectFormat | SchemaFormat | None = Field(default=None, discriminator="type")
    verbosity: Literal["medium"] | None = None


class Tool(FunctionDefinition):
    """A function that the model may call."""

    type: Literal["function"]


class ResponsesRequest(ReasonOptions):
    """Items to respond to. The options of `POST /reason` are taken too; null is as good as absent."""

    model_config = ConfigDict(json_schema_extra=nullable)

    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    input: str | list[dict[str, Any]] = Field(description="a question, or messages, reasoning and function calls")
    instructions: str | None = Field(default=None, description="a system message before the input")
    max_output_tokens: int | None = Field(default=None, ge=1, description="of thinking, closing and answer together")
    reasoning: Reasoning = Field(default=Reasoning(), description="how much to think")
    text: TextOptions = Field(default=TextOptions(), description="what the answer must look like")
    tools: list[Tool] | None = Field(default=None, description="given to the model's chat template")  # type: ignore[assignment]
    tool_choice: Literal["auto", "none"] = Field(default="auto", description="none: the model is not told of the tools")
    parallel_tool_calls: bool = Field(default=True, description="false keeps the first call of an answer")
    checkpoints: Checkpoints = Field(default=[], description="where interim answers are branched; default: nowhere")
    stream: bool = Field(default=False, description="answer as server-sent events")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return without_neutral({name: value for name, value in data.items() if value is not None}, FIELDS)


def chat_request(request: ResponsesRequest) -> ChatRequest:
    """Return the chat request that `request` amounts to.

    Raises:
        InvalidRequest: if a part of the input can't be read.
    """
    options = {name: getattr(request, name) for name in ReasonOptions.model_fields if name in request.model_fields_set}
    tools = [{"function": tool.model_dump(exclude={"type"}, exclude_none=True)} for tool in request.tools or ()]
    translated = {
        "model": request.model,
        "messages": messages_of(request.input, request.instructions),
        "checkpoints": request.checkpoints,
        "max_completion_tokens": request.max_output_tokens or request.max_completion_tokens,
        "reasoning_effort": request.reasoning.effort,
        "response_format": _response_format(request.text.format),
        "tools": tools or None,
        "tool_choice": request.tool_choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }
    try:
        return ChatRequest.model_validate({**options, **translated})
    except ValidationError as error:
        raise renamed(as_invalid_request(error.errors())) from error


def renamed(error: AnytimeError) -> AnytimeError:
    """Return `error` with its field by the name it has here."""
    field, _, rest = (error.param or "").partition(".")
    if field in NAMES:
        error.param = NAMES[field] if field == "messages" or not rest else f"{NAMES[field]}.{rest}"
    return error


def _response_format(format: TextFormat | JsonObjectFormat | SchemaFormat | None) -> dict[str, Any] | None:
    if isinstance(format, SchemaFormat):
        return {"type": format.type, "json_schema": format.model_dump(exclude={"type"}, by_alias=True)}
    return None if format is None else format.model_dump()
