"""Completes the document that FastAPI generates: what is true of all routes alike is said once, here."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from anytime_server.api.openapi.errors import error_response
from anytime_server.api.openapi.schemas import reference, schemas

OPEN_TAG = "operations"
"""Routes with this tag need no key."""

OF_A_BODY = (413, 415, 422)
OF_AN_API_REQUEST = (401, 421)
OF_ANY_REQUEST = (500,)
FASTAPIS_INVALID = {
    "description": "Validation Error",
    "content": {"application/json": {"schema": reference("HTTPValidationError")}},
}
"""What FastAPI declares where a route says nothing about 422; `api.errors` answers in another shape."""

REQUEST_ID = "X-Request-Id"
REQUEST_ID_SENT = {
    "name": REQUEST_ID,
    "in": "header",
    "description": "an id of your own for this request; one that is not short and printable is replaced",
    "schema": {"type": "string"},
}
REQUEST_ID_RETURNED = {
    "description": "the request's id: the client's own, or one made for it",
    "schema": {"type": "string"},
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "one of the server's ANYTIME_API_KEYS; a server without keys needs none",
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()`, and so `/openapi.json`, return the completed document."""
    generate = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(generate())
        return generate()

    app.openapi = completed  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """Name an operation as its function is named."""
    return route.name


def complete(document: dict[str, Any]) -> None:
    """Add to a generated document, in place, what its routes do not say themselves."""
    components = document.setdefault("components", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(unused, None)
    components["schemas"] = {**components.get("schemas", {}), **schemas()}
    components["securitySchemes"] = {"bearer": BEARER}
    components["headers"] = {REQUEST_ID: REQUEST_ID_RETURNED}
    document["security"] = [{"bearer": []}, {}]
    for path in document["paths"].values():
        for operation in path.values():
            _complete_operation(operation)


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if responses.get("422") == FASTAPIS_INVALID:
        responses["422"] = error_response(422)
    is_open = OPEN_TAG in operation["tags"]
    if is_open:
        operation["security"] = []
    of_body = OF_A_BODY if "requestBody" in operation else ()
    for status in (*of_body, *(() if is_open else OF_AN_API_REQUEST), *OF_ANY_REQUEST):
        responses.setdefault(str(status), error_response(status))
    operation.setdefault("parameters", []).append(REQUEST_ID_SENT)
    for response in responses.values():
        headers = {REQUEST_ID: {"$ref": f"#/components/headers/{REQUEST_ID}"}}
        response["headers"] = {**response.get("headers", {}), **headers}
