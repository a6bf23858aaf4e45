"""Other servers at the address, and what only newer ones send: a typed error that says what was found, or no harm."""

import httpx
import pytest

from anytime_client import (
    Anytime,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    AsyncAnytime,
    NotFoundError,
    ServerError,
    UnavailableError,
)
from client.conftest import TRANSCRIPTS

EVENT_STREAM = {"Content-Type": "text/event-stream"}
LOGIN = "<!doctype html><html><head><title>Sign in to ACME</title></head><body>...</body></html>"
VLLM_404 = {"error": {"message": "Not Found", "type": "Not Found", "param": None, "code": 404}}
UVICORN = {"Server": "uvicorn"}


async def ask(kind, response, method):
    """Return the error that a client of either kind meets where every answer is `response`."""

    def answer(request):
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    client = kind("http://host:8000", transport=httpx.MockTransport(answer), max_retries=0)
    call = getattr(client, method[0])(*method[1:])
    if kind is AsyncAnytime:
        await call


REASON, GET, MODELS = ("reason", "q"), ("get", "rsn_1"), ("models",)


@pytest.mark.parametrize(
    ("response", "method", "error", "found"),
    [
        (httpx.Response(404, json={"detail": "Not Found"}, headers=UVICORN), REASON, NotFoundError, "from uvicorn"),
        (httpx.Response(404, json={"detail": "Not Found"}), GET, NotFoundError, "Not Found"),
        (httpx.Response(404, json=VLLM_404), REASON, NotFoundError, "is no route of an Anytime server"),
        (httpx.Response(404, html=LOGIN), REASON, NotFoundError, "text/html, 'Sign in to ACME'"),
        (httpx.Response(405, json={"detail": "Method Not Allowed"}), REASON, APIStatusError, "is no route of"),
        (httpx.Response(501, text="Unsupported method ('POST')"), REASON, ServerError, "Unsupported method"),
        (httpx.Response(200, html=LOGIN), REASON, APIResponseError, "text/html, 'Sign in to ACME'"),
        (httpx.Response(200, html=LOGIN), GET, APIResponseError, "text/html, 'Sign in to ACME'"),
        (httpx.Response(200, html="<html>hello"), MODELS, APIResponseError, "<html>hello"),
        (httpx.Response(200), REASON, APIResponseError, "an empty body"),
        (httpx.Response(200), GET, APIResponseError, "an empty body"),
        (httpx.Response(200, headers={"Content-Type": "application/json"}), GET, APIResponseError, "an empty body"),
        (httpx.Response(204), REASON, APIResponseError, "HTTP 204"),
        (httpx.Response(200, json={"id": "chatcmpl-1", "choices": []}), REASON, APIResponseError, "chatcmpl-1"),
        (httpx.Response(200, json=[1]), GET, APIResponseError, "[1]"),
        (httpx.Response(200, content=b"\xff\xfe\x00"), GET, APIResponseError, "no content type"),
        (httpx.Response(200, headers=EVENT_STREAM), REASON, APIConnectionError, "broke off"),
        (httpx.Response(200, headers=EVENT_STREAM, content=b"data: [DONE]\n\n"), REASON, APIResponseError, "DONE"),
        (
            httpx.Response(200, headers=EVENT_STREAM, content=b'data: {"id": "chatcmpl-1"}\n\n'),
            REASON,
            APIResponseError,
            "chatcmpl-1",
        ),
        (httpx.Response(200, headers=EVENT_STREAM, content=b"data: 3\n\n"), REASON, APIResponseError, "'3'"),
        (httpx.Response(502, html=LOGIN), REASON, UnavailableError, "Sign in to ACME"),
    ],
)
@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
async def test_another_server_at_the_address_is_a_typed_error_that_says_what_was_found(
    kind, response, method, error, found
):
    with pytest.raises(error) as failure:
        await ask(kind, response, method)
    assert found in str(failure.value)
    assert type(failure.value) is error


async def test_an_address_that_leads_to_a_page_says_where_it_ended():
    def answer(request):
        if request.url.path == "/login":
            return httpx.Response(200, html=LOGIN)
        return httpx.Response(302, headers={"Location": "/login"})

    client = Anytime("http://host", transport=httpx.MockTransport(answer), max_retries=0)
    with pytest.raises(APIResponseError, match="http://host/login answers") as failure:
        client.reason("q")
    assert "Sign in to ACME" in failure.value.message


def stream(transcript):
    """Read a stream of these bytes to its end; return the document, and the events."""
    response = httpx.Response(200, headers=EVENT_STREAM, content=transcript)
    client = Anytime("http://host", transport=httpx.MockTransport(lambda request: response), max_retries=0)
    with client.stream("q") as opened:
        events = list(opened)
        return opened.snapshot, events


def test_what_a_newer_server_adds_does_no_harm():
    known, events = stream(TRANSCRIPTS["natural"])
    added = TRANSCRIPTS["natural"].replace(b'"sequence_number":', b'"mood": {"a": [1]}, "sequence_number":')
    assert added != TRANSCRIPTS["natural"]
    assert stream(added) == (known, events)


def test_events_that_come_twice_or_are_of_a_newer_type_are_passed_over():
    known, events = stream(TRANSCRIPTS["natural"])
    blocks = [block + b"\n\n" for block in TRANSCRIPTS["natural"].split(b"\n\n") if block]
    assert stream(b"".join(block * 2 for block in blocks)) == (known, events)
    last = known.last_sequence_number
    newer = b'event: reason.mood\nid: %d\ndata: {"type": "reason.mood", "sequence_number": %d}\n\n'
    ended = blocks[-1].replace(b"id: %d" % last, b"id: %d" % (last + 1))
    ended = ended.replace(b'"sequence_number":%d' % last, b'"sequence_number":%d' % (last + 1))
    ended = ended.replace(b'"sequence_number": %d' % last, b'"sequence_number": %d' % (last + 1))
    snapshot, seen = stream(b"".join([*blocks[:-1], newer % (last, last), ended]))
    assert [event.type for event in seen] == [event.type for event in events]
    assert snapshot.thinking == known.thinking


CREATED = (
    b'data: {"type": "reason.created", "sequence_number": 1, "id": "rsn_1", "model": "m", '
    b'"budget": {"requested": 9, "granted": 9, "spent": 0}, "checkpoints": []}\n\n'
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\u2028b\u2029c\u0085d", "a\u2028b\u2029c\u0085d"),
        ("\\u2028\\u0085", "\u2028\u0085"),
        ("😀", "😀"),
        ("\\ud83d\\ude00", "😀"),
        ("\\ud83d", "\ufffd"),
        ("a\\ude00b\\ud83d", "a\ufffdb\ufffd"),
        ("\\\\ud83d", "\\ud83d"),
        ("\\\\ud83d \\ud83d", "\\ud83d \ufffd"),
        ("\ufeff", "\ufeff"),
        ("", ""),
    ],
)
def test_the_characters_of_a_delta_come_as_they_are_and_halves_as_a_sign_of_one(written, read):
    data = f'data: {{"type": "thinking.delta", "sequence_number": 2, "delta": "{written}", "spent": 1}}\n\n'

    def bytewise():
        for byte in CREATED + data.encode():
            yield bytes([byte])

    response = httpx.Response(200, headers=EVENT_STREAM, content=bytewise())
    client = Anytime("http://host", transport=httpx.MockTransport(lambda request: response), max_retries=0)
    stream = client.stream("q")
    assert [next(stream).type, next(stream).delta] == ["reason.created", read]
    assert stream.thinking == read


def test_bytes_that_are_no_text_are_a_sign_of_it():
    data = b'data: {"type": "thinking.delta", "sequence_number": 2, "delta": "\xe2\x82", "spent": 1}\n\n'
    response = httpx.Response(200, headers=EVENT_STREAM, content=CREATED + data)
    client = Anytime("http://host", transport=httpx.MockTransport(lambda request: response), max_retries=0)
    stream = client.stream("q")
    next(stream)
    assert next(stream).delta == "\ufffd"
