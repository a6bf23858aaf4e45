"""The body of `POST /v1/chat/completions`."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from anytime_client.protocol import ChatMessage, Checkpoints, FieldError, ReasonOptions
from anytime_client.protocol.base import Strict
from anytime_server.api.openai.effort import Effort
from anytime_server.api.openai.neutral import CHAT_FIELDS, Neutral, without_neutral

MAX_CHOICES = 128

MESSAGE_FIELDS = {
    "annotations": Neutral(([],)),
    "audio": Neutral(()),
    "function_call": Neutral((), "give tool_calls"),
    "refusal": Neutral(("",)),
}
"""Fields that the messages of a response bring along when they are sent back."""


class StreamOptions(Strict):
    """What a stream holds beside the deltas."""

    include_usage: bool = Field(default=False, description="a last chunk without choices has the usage")


class JsonSchema(Strict):
    """A schema by name; it is enforced whether strict is asked for or not."""

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextFormat(Strict):
    """No structure asked for."""

    type: Literal["text"]


class JsonObjectFormat(Strict):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(Strict):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class ReasoningOptions(Strict):
    """The thinking, as OpenRouter's clients ask for it."""

    effort: Effort | None = None
    max_tokens: int | None = Field(default=None, ge=0, description="the budget")
    enabled: bool | None = Field(default=None, description="false is a budget of 0")
    exclude: bool = Field(default=False, description="leave the thinking out of the response")


def nullable(schema: dict[str, Any]) -> None:
    """Let every field that may be absent be null in the JSON schema."""
    for name, field in schema["properties"].items():
        if name not in schema["required"]:
            schema["properties"][name] = {"anyOf": [field, {"type": "null"}], "description": field.get("description")}


class ChatRequest(ReasonOptions):
    """A conversation to complete. The options of `POST /reason` are taken too; null is as good as absent."""

    model_config = ConfigDict(json_schema_extra=nullable)

    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    messages: list[ChatMessage] = Field(min_length=1, description="the conversation; the last is not the assistant's")
    checkpoints: Checkpoints = Field(default=[], description="where interim answers are branched; default: nowhere")
    n: int = Field(default=1, ge=1, le=MAX_CHOICES, description="choices; each is a session, seeded seed, seed+1, ...")
    stream: bool = Field(default=False, description="answer with chunks as server-sent events")
    stream_options: StreamOptions = Field(default=StreamOptions(), description="what a stream holds")
    max_tokens: int | None = Field(default=None, ge=1, description="older name of max_completion_tokens")
    response_format: ResponseFormat | None = Field(default=None, description="what the answer must look like")
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] = Field(
        default="auto",
        description="none: the model is not told of the tools; others than auto and none are refused",
        json_schema_extra={"anyOf": [{"enum": ["auto", "none"]}]},
    )
    parallel_tool_calls: bool = Field(default=True, description="false keeps the first call of an answer")
    reasoning_effort: Effort | None = Field(default=None, description="a budget, by the server's map")
    reasoning: ReasoningOptions = Field(default=ReasoningOptions(), description="the same in OpenRouter's words")
    include_reasoning: bool = Field(default=True, description="false leaves the thinking out of the response")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = {name: value for name, value in data.items() if value is not None}
        if isinstance(given.get("messages"), list):
            given["messages"] = [_message(index, message) for index, message in enumerate(given["messages"])]
        return without_neutral(given, CHAT_FIELDS)

    @property
    def offers_tools(self) -> bool:
        """Whether the model is told of tools, and its answer may call them."""
        return bool(self.tools) and self.tool_choice == "auto"

    @property
    def shows_reasoning(self) -> bool:
        """Whether the thinking is in the response."""
        return self.include_reasoning and not self.reasoning.exclude


def _message(index: int, message: Any) -> Any:
    """Return a message as the protocol has it: `reasoning` is another name of `reasoning_content`."""
    if not isinstance(message, dict):
        return message
    given = {name: value for name, value in message.items() if value is not None}
    try:
        given = without_neutral(given, MESSAGE_FIELDS)
    except FieldError as error:
        raise FieldError(f"messages.{index}.{error.param}", str(error)) from error
    if "reasoning" in given:
        given.setdefault("reasoning_content", given.pop("reasoning"))
        given.pop("reasoning", None)
    if given.get("tool_calls") == []:
        del given["tool_calls"]
    if isinstance(given.get("tool_calls"), list):
        given["tool_calls"] = [_sent_back(call) for call in given["tool_calls"]]
    return given


def _sent_back(call: Any) -> Any:
    """Return a call without the place that it had in a stream."""
    return {name: value for name, value in call.items() if name != "index"} if isinstance(call, dict) else call
