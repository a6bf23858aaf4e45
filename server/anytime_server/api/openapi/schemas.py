"""`components.schemas` that no route's signature names: the events of a stream, and the errors."""

from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from anytime_client.protocol import ErrorBody, Event

PREFIX = "#/components/schemas/"
EVENTS: tuple[type[BaseModel], ...] = get_args(Event)
EVENT_TYPES: list[str] = [event.model_fields["type"].default for event in EVENTS]


def reference(name: str) -> dict[str, str]:
    """Return the schema that is the component of this name."""
    return {"$ref": PREFIX + name}


def schemas() -> dict[str, Any]:
    """Return the event as it comes over the wire, the union of all events, each event's own, and the errors' schema.

    OpenAPI 3.1 has no word for the items of a stream (3.2 has `itemSchema`). As is usual there, the schema of a
    `text/event-stream` describes each event: its `data` is a JSON text, whose `contentSchema` is the union.
    """
    models: list[type[BaseModel]] = [*EVENTS, ErrorBody]
    _, definitions = models_json_schema([(model, "serialization") for model in models], ref_template=PREFIX + "{model}")
    return {**definitions["$defs"], "Event": _union(), "ServerSentEvent": _wire()}


def _union() -> dict[str, Any]:
    return {
        "description": "Any event of a session, told apart by `type`.",
        "oneOf": [reference(event.__name__) for event in EVENTS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {type: PREFIX + event.__name__ for type, event in zip(EVENT_TYPES, EVENTS, strict=True)},
        },
    }


def _wire() -> dict[str, Any]:
    return {
        "description": "One server-sent event. Comment lines (heartbeats) come between them.",
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]+$", "description": "the event's `sequence_number`"},
            "event": {"type": "string", "enum": EVENT_TYPES, "description": "the event's `type`"},
            "data": {
                "type": "string",
                "description": "the event as JSON",
                "contentMediaType": "application/json",
                "contentSchema": reference("Event"),
            },
        },
        "required": ["id", "event", "data"],
    }
