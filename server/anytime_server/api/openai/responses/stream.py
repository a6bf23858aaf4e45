"""A session as the events of a response."""

from collections.abc import AsyncIterator

from anytime_client.protocol import (
    AnswerDelta,
    ReasonCancelled,
    ReasonCompleted,
    ReasonCreated,
    ReasonFailed,
    ThinkingDelta,
)
from anytime_server.api.openai.failures import failure
from anytime_server.api.openai.responses.builder import Events, ResponseBuilder
from anytime_server.api.openai.run_events import run_events
from anytime_server.api.sse import compact_json
from anytime_server.reasoning import Reasoner, Session


async def response_events(builder: ResponseBuilder, session: Session, reasoner: Reasoner) -> AsyncIterator[bytes]:
    """Yield the server-sent events of the response that `builder` makes of `session`."""
    async for event in run_events(session):
        match event:
            case ReasonCreated():
                told = builder.begin()
            case ThinkingDelta(delta=delta):
                told = builder.think(delta)
            case AnswerDelta(delta=delta):
                told = builder.answer(delta)
            case ReasonCompleted(document=document):
                told = builder.end(document)
            case ReasonFailed(document=document) | ReasonCancelled(document=document):
                error = failure(document, reasoner)
                assert error is not None
                told = builder.fail(error)
            case _:
                told = []
        for line in _lines(told):
            yield line


def _lines(events: Events) -> list[bytes]:
    return [f"event: {event['type']}\ndata: {compact_json(event)}\n\n".encode() for event in events]
