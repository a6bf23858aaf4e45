"""A completion is a session's first run, even if that is told only after somebody has extended the session."""

import asyncio
import json

import pytest

from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.chat_stream import chunks
from anytime_server.api.openai.responses.builder import ResponseBuilder
from anytime_server.api.openai.responses.request import ResponsesRequest, chat_request
from anytime_server.api.openai.responses.stream import response_events
from anytime_server.api.openai.tools import choose
from anytime_server.api.openai.translate import reason_request
from anytime_server.api.reading import wait_for
from anytime_server.reasoning import Reasoner
from fakes import MARKERS, FakeEngine, fake_format, scripted

FORM = choose(None, MARKERS)
CHAT = ChatRequest(messages=[{"role": "user", "content": "q"}], stream=True, stream_options={"include_usage": True})


@pytest.fixture
async def reasoner():
    engine = FakeEngine(scripted("a=1; b=2; c=3; d=4; done", "There are 4."))
    return Reasoner(engine, fake_format(engine))


async def read_on_after_an_extension(stream, session, reasoner):
    """Read as a client does that takes its first event, and the others once the session has ended and thinks on."""
    first = await anext(stream)
    await session.wait()
    reasoner.extend(session.id, 8, relative=True)
    lines = [line for block in [first, *[block async for block in stream]] for line in block.decode().splitlines()]
    await session.wait()
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


async def test_a_slow_chat_stream_ends_with_the_first_answer(reasoner):
    session = reasoner.submit(reason_request(CHAT, 6))
    *told, done = await read_on_after_an_extension(chunks(CHAT, [session], reasoner, FORM, 0), session, reasoner)
    told = [json.loads(data) for data in told]
    reasons = [choice["finish_reason"] for chunk in told for choice in chunk["choices"]]
    assert (done, reasons.count("stop"), reasons[-1]) == ("[DONE]", 1, "stop")
    assert told[-1]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 6}
    assert session.document().budget.spent == 14


async def test_a_slow_response_stream_ends_with_the_first_answer(reasoner):
    body = ResponsesRequest(input="q", stream=True)
    chat = chat_request(body)
    session = reasoner.submit(reason_request(chat, 6))
    builder = ResponseBuilder(body, chat, FORM, session.id, "fake-model", 0)
    stream = response_events(builder, session, reasoner)
    told = [json.loads(data) for data in await read_on_after_an_extension(stream, session, reasoner)]
    assert [event["type"] for event in told].count("response.completed") == 1
    assert told[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 6}


async def test_choices_are_waited_for_until_none_runs(reasoner):
    class Connected:
        async def receive(self):
            await asyncio.Event().wait()

    short, long = (reasoner.submit(reason_request(CHAT, budget)) for budget in (1, 20))
    waiting = asyncio.ensure_future(wait_for([reasoner.here(short), reasoner.here(long)], Connected()))
    await short.wait()
    assert not long.has_ended
    reasoner.extend(short.id, 200, relative=True)
    documents = await waiting
    assert [document.status for document in documents] == ["completed", "completed"]
