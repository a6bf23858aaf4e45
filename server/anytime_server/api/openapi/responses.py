"""The successful responses of a session's routes: its document and its stream, with recorded examples."""

from typing import Any

from pydantic import BaseModel

from anytime_server.api.openapi.errors import Responses, error_response
from anytime_server.api.openapi.examples import recorded_document, recorded_events
from anytime_server.api.openapi.schemas import reference

LINKS = {
    target: {
        "operationId": target,
        "parameters": {"path.id": "$response.body#/id"},
        "description": description,
    }
    for target, description in {
        "snapshot": "read the session as it stands",
        "events": "read its stream from any event on",
        "answer_now": "close its thinking and answer",
        "extend": "raise its budget",
        "cancel": "cancel it",
    }.items()
}
"""Where a document leads: the routes that take its id."""

STREAM_HEADERS = {
    name: {"schema": {"type": "string"}, "description": description}
    for name, description in {
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no: tells proxies to pass events on at once",
    }.items()
}


def example(body: BaseModel) -> dict[str, Any]:
    """Return the response that is of `body`'s kind, with it as its example."""
    return {"description": body.__doc__, "content": {"application/json": {"example": body.model_dump()}}}


def document(description: str) -> dict[str, Any]:
    """Return the response that is a session's document."""
    examples = {"completed": {"summary": "The model closed its thinking itself", "value": recorded_document()}}
    return {
        "description": description,
        "content": {"application/json": {"schema": reference("ReasonDocument"), "examples": examples}},
        "links": LINKS,
    }


def stream(description: str) -> dict[str, Any]:
    """Return the response that is a session's stream."""
    return {
        "description": description,
        "content": {
            "text/event-stream": {
                "schema": reference("ServerSentEvent"),
                "examples": {event["event"]: {"value": event} for event in recorded_events()},
            }
        },
        "headers": STREAM_HEADERS,
    }


def document_or_stream(description: str) -> dict[str, Any]:
    """Return the response that is either, by what the client accepts."""
    whole, streamed = document(description), stream(description)
    return {**whole, **streamed, "content": {**whole["content"], **streamed["content"]}}


def failures() -> Responses:
    """Return the responses of a route whose session may fail after it began: then they are its document."""
    return {status: _or_document(error_response(status)) for status in (500, 503)}


def _or_document(response: dict[str, Any]) -> dict[str, Any]:
    content = response["content"]["application/json"]
    either = {"anyOf": [content["schema"], reference("ReasonDocument")]}
    description = f"{response['description']}; or the session failed, with the best answer so far in its document"
    return {**response, "description": description, "content": {"application/json": {**content, "schema": either}}}
