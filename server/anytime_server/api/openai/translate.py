"""A chat completion request as the session that answers it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from anytime_client.protocol import ReasonOptions, ReasonRequest, StructuredOutputs
from anytime_client.protocol.template import EFFORT_NAME
from anytime_server.api.errors import as_invalid_request
from anytime_server.api.openai.chat_request import ChatRequest, JsonObjectFormat, JsonSchemaFormat
from anytime_server.api.openai.tools import forced_schema
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import RequestDefaults

TOLD_EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}
"""Efforts that the families which are told one do not know, and the nearest that they do."""


def reason_request(chat: ChatRequest, budget: int | None, defaults: RequestDefaults | None = None) -> ReasonRequest:
    """Return the request of one choice, with this budget (None: the server's).

    Without checkpoints of its own it has those of the server's `defaults`, and none if there are none and it asks for
    no error rate, which comes with checkpoints.

    Raises:
        InvalidRequest: if two fields exclude each other, or one can't be enforced.
    """
    named = {name: getattr(chat, name) for name in ReasonOptions.model_fields if name in chat.model_fields_set}
    named.pop("structured_outputs", None)
    translated = {
        "messages": chat.messages,
        "model": chat.model,
        "budget": budget,
        "max_completion_tokens": _max_completion_tokens(chat),
        "tools": chat.tools if chat.offers_tools else None,
        "chat_template_kwargs": _template_variables(chat),
    }
    defaults = defaults or RequestDefaults()
    rules = chat.stop_when if "stop_when" in named else defaults.stop_when
    by_rate = rules is not None and rules.asks_for_a_rate
    if "checkpoints" not in named and defaults.checkpoints is None and not by_rate:
        translated["checkpoints"] = []
    try:
        return ReasonRequest(**{**named, **translated}, structured_outputs=_structured_outputs(chat))
    except ValidationError as error:
        raise as_invalid_request(error.errors()) from error


def sent_names(chat: ChatRequest) -> Mapping[str, str]:
    """Return how fields of the session's request were called in `chat`, where it had other names for them."""
    names = {}
    if chat.must_call:
        names["structured_outputs.json"] = "tools"
        names["structured_outputs."] = "tool_choice"
    elif chat.structured_outputs is None:
        names["structured_outputs.json"] = "response_format.json_schema.schema"
        names["structured_outputs."] = "response_format"
    if chat.max_completion_tokens is None:
        names["max_completion_tokens"] = "max_tokens"
    return names


def _template_variables(chat: ChatRequest) -> dict[str, Any] | None:
    """The variables of the chat template, the effort among them: some families are told it beside the budget."""
    effort = chat.reasoning_effort or chat.reasoning.effort
    if effort is None or effort == "none":
        return chat.chat_template_kwargs
    return {EFFORT_NAME: TOLD_EFFORTS.get(effort, effort), **(chat.chat_template_kwargs or {})}


def _max_completion_tokens(chat: ChatRequest) -> int | None:
    given = {chat.max_completion_tokens, chat.max_tokens} - {None}
    if len(given) > 1:
        raise InvalidRequest("max_tokens and max_completion_tokens differ; give the latter", param="max_tokens")
    return next(iter(given), None)


def _structured_outputs(chat: ChatRequest) -> StructuredOutputs | None:
    match chat.response_format:
        case JsonObjectFormat():
            wanted = StructuredOutputs(json_object=True)
        case JsonSchemaFormat(json_schema=named):
            wanted = StructuredOutputs(json=named.schema_)
        case _:
            return _without_tools(chat, chat.structured_outputs, "structured_outputs")
    if chat.structured_outputs is not None:
        raise InvalidRequest("it and structured_outputs exclude each other; give one", param="response_format")
    return _without_tools(chat, wanted, "response_format")


def _without_tools(chat: ChatRequest, wanted: StructuredOutputs | None, param: str) -> StructuredOutputs | None:
    if wanted is not None and (chat.offers_tools or chat.must_call):
        raise InvalidRequest(
            'a structured answer can\'t call tools: leave out tools, or give tool_choice "none"', param=param
        )
    return StructuredOutputs(json=forced_schema(chat)) if chat.must_call else wanted
