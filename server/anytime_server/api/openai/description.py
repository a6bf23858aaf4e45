"""The successful responses of OpenAI's routes as the API's description shows them."""

from typing import Any

from anytime_server.api.openai.examples import recorded

SESSION_HEADER = "X-Anytime-Session"

HEADERS = {
    SESSION_HEADER: {
        "schema": {"type": "string"},
        "description": "the ids of the sessions behind the choices, in order, for /reason/{id}",
    }
}


def completion_or_stream() -> dict[str, Any]:
    """Return the response that is a chat completion, or its chunks as server-sent events."""
    return {
        "description": "the completion; or, if asked for, its chunks (`data: {...}`), and `data: [DONE]` at the end",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "OpenAI's chat.completion; `anytime` in each choice is ours",
                },
                "example": recorded()["completion"],
            },
            "text/event-stream": {
                "schema": {"type": "object", "description": "OpenAI's chat.completion.chunk, as the data of an event"},
                "example": recorded()["chunk"],
            },
        },
        "headers": HEADERS,
    }


def text_completion_or_stream() -> dict[str, Any]:
    """Return the response that is a text completion, or its chunks as server-sent events."""
    example = {
        "id": "rsn_5c0d9ae249fdf298f2d3af89",
        "object": "text_completion",
        "created": 1_785_000_000,
        "model": "anytime-tiny",
        "choices": [{"index": 0, "text": "72", "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }
    schema = {"type": "object", "description": "OpenAI's text_completion; in a stream as the data of an event"}
    return {
        "description": "the completion; or, if asked for, its chunks (`data: {...}`), and `data: [DONE]` at the end",
        "content": {
            "application/json": {"schema": schema, "example": example},
            "text/event-stream": {"schema": schema, "example": example},
        },
        "headers": HEADERS,
    }


def response_or_stream() -> dict[str, Any]:
    """Return the response that is a response of the Responses API, or its events."""
    return {
        "description": "the response; or, if asked for, its events, the last of which holds it",
        "content": {
            "application/json": {
                "schema": {"type": "object", "description": "OpenAI's response; `anytime` in it is ours"},
                "example": recorded()["response"],
            },
            "text/event-stream": {
                "schema": {"type": "object", "description": "an event of OpenAI's, as the data of one"},
                "example": recorded()["response_event"],
            },
        },
        "headers": HEADERS,
    }


def model_list() -> dict[str, Any]:
    """Return the response that is the list of models."""
    return {"description": "the served model", "content": {"application/json": {"example": recorded()["models"]}}}


def model_card() -> dict[str, Any]:
    """Return the response that is one model."""
    (card,) = recorded()["models"]["data"]
    return {"description": "the model", "content": {"application/json": {"example": card}}}
