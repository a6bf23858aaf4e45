"""The body of `POST /v1/chat/completions`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from anytime_client.protocol import ChatMessage, Checkpoints, FieldError
from anytime_client.protocol.base import JsonObject, Options, Text
from anytime_client.protocol.bounds import MAX_MESSAGES, MAX_TOKENS
from anytime_client.protocol.foreign import OPEN_BY_MINUS_ONE
from anytime_server.api.openai.neutral import CHAT_FIELDS, without_neutral
from anytime_server.api.openai.thinking import AskedEffort, ThinkingWords
from anytime_server.api.openai.turns import message_of, tools_of

MAX_CHOICES = 128


class StreamOptions(Options):
    """What a stream holds beside the deltas."""

    include_usage: bool = Field(default=False, description="a last chunk without choices has the usage")
    continuous_usage_stats: bool = Field(default=False, description="accepted; the usage comes in the last chunk only")
    include_obfuscation: bool = Field(default=False, description="accepted; nothing is obfuscated")


class JsonSchema(Options):
    """A schema by name; it is enforced whether strict is asked for or not."""

    name: str
    schema_: JsonObject = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextFormat(Options):
    """No structure asked for."""

    type: Literal["text"]


class JsonObjectFormat(Options):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(Options):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class NamedFunction(Options):
    """A function that is to be called."""

    name: Text


class NamedTool(Options):
    """The tool that the answer must call."""

    type: Literal["function"] = "function"
    function: NamedFunction


def refuse_allowed_tools(given: Mapping[str, Any]) -> None:
    """Refuse a choice of some of the tools.

    Raises:
        FieldError: with the remedy.
    """
    choice = given.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        raise FieldError(
            "tool_choice", 'allowed_tools is unknown here: send these tools alone, and "auto" or "required"'
        )


class ReasoningOptions(Options):
    """The thinking, as OpenRouter's clients ask for it."""

    effort: AskedEffort = None
    max_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS, description="the budget")
    enabled: bool | None = Field(default=None, description="false is a budget of 0")
    exclude: bool = Field(default=False, description="leave the thinking out of the response")


class ChatRequest(ThinkingWords):
    """A conversation to complete. The options of `POST /reason` are taken too."""

    model: Text | None = Field(default=None, description="the served model's name; another one is an error")
    messages: list[ChatMessage] = Field(
        min_length=1,
        max_length=MAX_MESSAGES,
        fail_fast=True,
        description="the conversation; the last is not the assistant's",
    )
    checkpoints: Checkpoints = Field(default=[], description="where interim answers are branched; default: nowhere")
    n: int = Field(default=1, ge=1, le=MAX_CHOICES, description="choices; each is a session, seeded seed, seed+1, ...")
    stream: bool = Field(default=False, description="answer with chunks as server-sent events")
    stream_options: StreamOptions = Field(default=StreamOptions(), description="what a stream holds")
    max_tokens: Annotated[Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=None, description="older name of max_completion_tokens"
    )
    response_format: ResponseFormat | None = Field(default=None, description="what the answer must look like")
    tool_choice: Literal["auto", "none", "required"] | NamedTool = Field(
        default="auto",
        description="none: the model is not told of the tools; required or a tool: the answer is calls, held to their "
        "schemas",
    )
    parallel_tool_calls: bool = Field(default=True, description="false keeps the first call of an answer")
    reasoning: ReasoningOptions = Field(default=ReasoningOptions(), description="the same in OpenRouter's words")
    include_reasoning: bool = Field(default=True, description="false leaves the thinking out of the response")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = dict(data)
        if isinstance(given.get("messages"), list):
            given["messages"] = [message_of(index, message) for index, message in enumerate(given["messages"])]
        if "tools" in given:
            given["tools"] = tools_of(given["tools"])
        refuse_allowed_tools(given)
        return without_neutral(given, CHAT_FIELDS)

    @property
    def offers_tools(self) -> bool:
        """Whether the model is told of tools, and its answer may call them."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def must_call(self) -> bool:
        """Whether the answer must be calls."""
        return self.tool_choice not in ("auto", "none")

    @property
    def named_tool(self) -> str | None:
        """The tool that it must be a call of."""
        return self.tool_choice.function.name if isinstance(self.tool_choice, NamedTool) else None

    @property
    def shows_reasoning(self) -> bool:
        """Whether the thinking is in the response."""
        omitted = self.thinking is not None and self.thinking.display == "omitted"
        return self.include_reasoning and not self.reasoning.exclude and not omitted
