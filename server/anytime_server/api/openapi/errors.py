"""The error responses of the document, with an example of each made from the error itself."""

from typing import Any

from anytime_server.api.errors import error_body
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

RETRIED = {429, 503}

DESCRIPTIONS = {
    401: "no API key, or a wrong one",
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


def errors(*statuses: int) -> Responses:
    """Return the `responses` of a route that can answer with these statuses."""
    return {status: error_response(status) for status in statuses}


def error_response(status: int) -> dict[str, Any]:
    """Return the response of a status: what it means, its body, an example of each error that has it."""
    examples = {
        name: {"value": error_body(error, request_id="req_2b7e151628aed2a6").model_dump()}
        for name, error in EXAMPLES.items()
        if error.status == status
    }
    return {
        "description": DESCRIPTIONS[status],
        "content": {"application/json": {"schema": reference("ErrorBody"), "examples": examples}},
        **({"headers": RETRY_AFTER} if status in RETRIED else {}),
    }
