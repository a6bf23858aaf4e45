"""Errors in OpenAI's shape and with its status codes, which its SDKs turn into exceptions."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from anytime_client.protocol import ErrorInfo
from anytime_server.errors import AnytimeError, Conflict

PREFIX = "/v1/"
"""Paths under it answer in this shape."""

STATUS_BY_CODE = {"model_not_found": 404}
STATUS = {422: 400}
CODE_BY_TYPE = {
    "authentication_error": "invalid_api_key",
    "not_found_error": "not_found",
    "overloaded_error": "rate_limit_exceeded",
}


class OpenAIError(ErrorInfo):
    """What went wrong, with the code that OpenAI's clients tell errors apart by."""

    code: str | None = Field(default=None, description="such as `model_not_found` or `context_length_exceeded`")


class OpenAIErrorBody(BaseModel):
    """Body of every error response under `/v1`."""

    error: OpenAIError = Field(description="the error")


def status_of(error: AnytimeError) -> int:
    """Return the HTTP status."""
    return STATUS_BY_CODE.get(error.code or "") or STATUS.get(error.status, error.status)


def headers_of(error: AnytimeError) -> Mapping[str, str]:
    """Return headers for OpenAI's SDKs, which by themselves would send again what a conflict has refused."""
    return {"X-Should-Retry": "false"} if error.status == Conflict.status else {}


def error_body(error: AnytimeError, request_id: str | None = None) -> OpenAIErrorBody:
    """Return the body of an error."""
    code = error.code or CODE_BY_TYPE.get(error.type)
    return OpenAIErrorBody(
        error=OpenAIError(type=error.type, message=error.message, param=error.param, request_id=request_id, code=code)
    )
