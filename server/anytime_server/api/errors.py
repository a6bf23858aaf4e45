"""Every error as one JSON shape: `{"error": {"type", "message", "param", "request_id"}}`."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from anytime_client.protocol import BUDGET_ALIASES, ErrorBody, ErrorInfo, FieldError
from anytime_server.api.json_bounds import declares_json
from anytime_server.api.openai import errors as openai
from anytime_server.api.sent_names import as_sent, budget_name
from anytime_server.errors import (
    MAX_PARAM,
    AnytimeError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnsupportedMedia,
    shortened,
)

SKIPPED_LOCATIONS = {"body", "query", "path", "header", "ids", "list", "rule", "string"}
DESCRIBED = 10
"""Findings of a validation that are described; of more their number is told."""

LONGEST_FINDING = 400
"""Characters of one finding's description."""

OF_THE_WHOLE_BODY = {
    "missing": "the request has no body: send a JSON object",
    "model_attributes_type": "the request body must be a JSON object",
}
"""What is said in place of pydantic's words, by the type of its finding."""

LONGEST_MISSPELLED = 64
"""Characters of a field's name that may be a known one misspelled."""

FieldsAt = Callable[[Sequence[str]], Sequence[str]]
"""The names of the fields that may stand below a path of a body."""


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(AnytimeError, _on_anytime_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


def error_response(request: Request, error: AnytimeError) -> JSONResponse:
    """Return `error` as its response."""
    id, headers = request_id(request), error.headers
    if id is not None:
        # Unexpected errors are answered outside of the middleware that sets it.
        headers["X-Request-Id"] = id
    if request.url.path.startswith(openai.PREFIX):
        headers |= openai.headers_of(error)
        return JSONResponse(openai.error_body(error, id).model_dump(), openai.status_of(error), headers)
    return JSONResponse(error_body(error, id).model_dump(), status_code=error.status, headers=headers)


def error_body(error: AnytimeError, request_id: str | None) -> ErrorBody:
    """Return what a response says of `error`."""
    return ErrorBody(error=ErrorInfo(type=error.type, message=error.message, param=error.param, request_id=request_id))


def request_id(request: Request) -> str | None:
    """Return the id that `RequestId` gave this request."""
    value: str | None = request.scope.get("state", {}).get("request_id")
    return value


def as_invalid_request(errors: Sequence[Any], known: FieldsAt = lambda _: (), body: Any = None) -> AnytimeError:
    """Fold pydantic's findings into one error that names the first field at fault and tells about all of them.

    With the `body` that they are about, the tags of unions are told from its fields.
    """
    if errors[0]["type"] == "json_invalid":
        where = errors[0].get("ctx", {}).get("error", "")
        return InvalidRequest(f"the request body is not valid JSON: {where}")
    if errors[0]["loc"] == ("body",) and (whole := OF_THE_WHOLE_BODY.get(errors[0]["type"])):
        return InvalidRequest(whole)
    described = [_describe(error, known, body) for error in errors[:DESCRIBED]]
    more = [f"and {len(errors) - DESCRIBED} more"] if len(errors) > DESCRIBED else []
    return InvalidRequest("; ".join([*(message for _, message in described), *more]), param=described[0][0])


def _describe(error: Any, known: FieldsAt, body: Any) -> tuple[str | None, str]:
    parts = _path_of(error, body)
    param = shortened(".".join(parts), MAX_PARAM) or None
    message = shortened(error["msg"].removeprefix("Value error, "), LONGEST_FINDING)
    if error["type"] == "extra_forbidden":
        *path, name = parts
        guess = difflib.get_close_matches(name, known(path), n=1) if len(name) <= LONGEST_MISSPELLED else []
        message = "unknown field" + (f"; did you mean {guess[0]!r}?" if guess else "; remove it")
    return param, f"{param}: {message}" if param else message


async def _on_anytime_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AnytimeError)
    return error_response(request, error)


def _path_of(error: Any, body: Any) -> list[str]:
    """Where in the body it is. A union's finding names its branch, a type in brackets or a tag, which is no field."""
    way, named = error["loc"], []
    cause = error.get("ctx", {}).get("error")
    if error["type"] == "extra_forbidden":
        way, named = way[:-1], [str(way[-1])]  # Whatever its name is.
    elif isinstance(cause, FieldError):
        named = [cause.param]
    fields = [part for part in way if part not in SKIPPED_LOCATIONS and "[" not in str(part)]
    if way[:1] == ("body",) and isinstance(body, Mapping):
        fields = _without_tags(fields, body, missing=not named)
    return [*map(str, fields), *named]


def _without_tags(way: Sequence[Any], body: Any, missing: bool) -> list[Any]:
    """The parts of a way that the body has; its last one may be `missing` there."""
    found: list[Any] = []
    for number, part in enumerate(way):
        if isinstance(body, Mapping):
            is_last = missing and number == len(way) - 1
            if part not in body and not is_last:
                continue
            body = body.get(part)
        elif isinstance(body, list) and isinstance(part, int):
            body = body[part] if part < len(body) else None
        elif number < len(way) - 1:
            continue
        found.append(part)
    return found


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes) and not declares_json(request.headers):
        content_type = request.headers.get("content-type")
        sent = f", not {content_type!r}" if content_type else ""
        return error_response(
            request, UnsupportedMedia(f"the body must be JSON, sent as Content-Type: application/json{sent}")
        )
    described = as_invalid_request(error.errors(), partial(_fields_at, request), error.body)
    return error_response(request, as_sent(described, budget_name(error.body)))


def _fields_at(request: Request, path: Sequence[str]) -> list[str]:
    """The fields below a path of the body that the request's route takes."""
    body = getattr(request.scope.get("route"), "body_field", None)
    models = [] if body is None else _models_in(body.field_info.annotation)
    for name in path:
        inside = [fields[name].annotation for model in models if name in (fields := _fields_of(model))]
        # What is no field is an index or the tag of a union: `_models_in` has looked into lists and unions already.
        models = [inner for annotation in inside for inner in _models_in(annotation)] if inside else models
    aliases = BUDGET_ALIASES if models and not path else ()
    return [*(field for model in models for field in _fields_of(model)), *aliases]


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names under which clients send them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    route = f"{request.method} {request.url.path}"
    translated: AnytimeError
    if error.status_code == NotFound.status:
        meant = request.url.path.rstrip("/")
        guess = f"did you mean {meant}? " if meant != request.url.path and _routes_at(request, meant) else ""
        translated = NotFound(f"no route {route}; {guess}see /docs")
    elif error.status_code == PayloadTooLarge.status:
        translated = PayloadTooLarge(str(error.detail))
    elif error.status_code == 400:
        # What FastAPI says of a body that is not UTF-8, say.
        return error_response(request, InvalidRequest(f"{error.detail}: it must be JSON in UTF-8"))
    else:
        translated = InvalidRequest(f"{error.detail} ({route}); see /docs")
    translated.status = error.status_code
    response = error_response(request, translated)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return response


def _methods_of(request: Request) -> set[str]:
    """The methods of the request's path. Starlette's own `Allow` knows only the first route that has it."""
    return {method for route in _routes_at(request, request.scope["path"]) for method in route.methods or ()}


def _routes_at(request: Request, path: str) -> list[Route]:
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return [route for route in routes if route.matches({**request.scope, "path": path})[0] is not Match.NONE]


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    """For errors of the middleware: the rest is answered inside of it."""
    return unexpected_response(request)


def unexpected_response(request: Request) -> JSONResponse:
    """Return the response to an error that nobody expects; the server process closes the connection after it."""
    response = error_response(request, AnytimeError("internal error; the server's log has it under this request_id"))
    response.headers["Connection"] = "close"
    return response
