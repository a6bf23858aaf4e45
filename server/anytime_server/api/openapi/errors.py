"""The error responses of the document, with an example of each made from the error itself."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from anytime_server.api.errors import error_body
from anytime_server.api.openai import errors as openai
from anytime_server.api.openapi.schemas import reference
from anytime_server.errors import (
    AnytimeError,
    Conflict,
    EngineError,
    InvalidRequest,
    Misdirected,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)

Responses = dict[int | str, dict[str, Any]]

RETRY_AFTER = {"Retry-After": {"description": "seconds to wait before a retry", "schema": {"type": "integer"}}}

AUTHENTICATE = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
HEADERS = {401: AUTHENTICATE, 429: RETRY_AFTER, 503: RETRY_AFTER}
"""Response headers of an error, by status."""

DESCRIPTIONS = {
    401: "no API key, or a wrong one",
    400: "a field is wrong or can't be honoured; `param` names it",
    404: "no such session: it never was, or its time is over",
    409: "the session's state does not allow it",
    413: "the body is too large",
    415: "the body is not JSON",
    421: "a server without keys goes by localhost and IP addresses only, not by this Host",
    422: "a field is wrong or can't be honoured; `param` names it",
    429: "all session slots are taken",
    500: "a fault of the server; its log has it under the request's id",
    503: "the server is going down, or its engine is down",
}

OPENAI_DESCRIPTIONS = {
    404: {"description": "no such model"},
    409: {"description": "the session was cancelled while the response waited for it"},
}

EXAMPLES: dict[str, AnytimeError] = {
    "unknown session": NotFound(
        "no session 'rsn_5f0c': it never was, or it ended more than 3600 s ago or had to make room", param="id"
    ),
    "budget spent": Conflict("120 thinking tokens are spent or granted already; ask for more", param="budget"),
    "too large": PayloadTooLarge("the request body is over 4194304 bytes; shorten the prompt"),
    "not JSON": UnsupportedMedia("the body must be JSON, sent as Content-Type: application/json, not 'text/plain'"),
    "misspelled field": InvalidRequest("bugdet: unknown field; did you mean 'budget'?", param="bugdet"),
    "checkpoint too late": InvalidRequest(
        "checkpoint 500 is beyond the budget of 120 thinking tokens; give ascending lengths within the budget",
        param="checkpoints",
    ),
    "another model": InvalidRequest(
        "this server serves 'anytime-tiny', not 'gpt-9'", param="model", code="model_not_found"
    ),
    "no slot": Overloaded("all 256 session slots are taken; try again in a moment"),
    "no key": Unauthenticated("this server wants an API key, sent as Authorization: Bearer KEY"),
    "foreign host": Misdirected(
        "this server has no API keys and does not go by the name 'evil.example': call it by localhost or its IP "
        "address, or start it with --allowed-host NAME, or with ANYTIME_API_KEYS"
    ),
    "fault": AnytimeError("internal error; the server's log has it under this request_id"),
    "going down": Unavailable("the server is going down; try another replica"),
    "engine down": EngineError("the engine is down"),
}


REQUEST_ID = "req_2b7e151628aed2a6"


def errors(*statuses: int) -> Responses:
    """Return the `responses` of a route that can answer with these statuses."""
    return {status: error_response(status) for status in statuses}


def openai_errors(*statuses: int) -> Responses:
    """Return the same of a route of OpenAI's API."""
    return {status: openai_error_response(status) for status in statuses}


def error_response(status: int) -> dict[str, Any]:
    """Return the response of a status: what it means, its body, an example of each error that has it."""
    examples = {name: error_body(error, REQUEST_ID) for name, error in EXAMPLES.items() if error.status == status}
    return _response(status, "ErrorBody", examples)


def openai_error_response(status: int) -> dict[str, Any]:
    """Return the same under OpenAI's paths."""
    examples = {
        name: openai.error_body(error, REQUEST_ID)
        for name, error in EXAMPLES.items()
        if openai.status_of(error) == status and error.param != "id"
    }
    return _response(status, "OpenAIErrorBody", examples) | OPENAI_DESCRIPTIONS.get(status, {})


def _response(status: int, schema: str, examples: Mapping[str, BaseModel]) -> dict[str, Any]:
    values = {name: {"value": example.model_dump()} for name, example in examples.items()}
    return {
        "description": DESCRIPTIONS[status],
        "content": {"application/json": {"schema": reference(schema), "examples": values}},
        "headers": HEADERS.get(status, {}),
    }
