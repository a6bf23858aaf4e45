import asyncio
import json

from serving_parts.load_generator import encode_request, read_all, summarise

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def event(number: int, **data: object) -> bytes:
    return f"id: {number}\r\nevent: {data['type']}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n".encode()


def test_a_stream_is_summed_up_by_its_last_event() -> None:
    first, last = (
        event(1, type="thinking.delta", delta="é\u2028"),
        event(2, type="reason.completed", document={"id": "x"}),
    )
    response = HEAD + chunked(b": ping\r\n\r\n", first[:10], first[10:], last)
    assert summarise(response) == {
        "status": 200, "events": 2, "gapless": True, "last": "reason.completed", "document": {"id": "x"},
    }  # fmt: skip


def test_a_gap_in_the_numbers_is_seen() -> None:
    response = HEAD + chunked(event(1, type="thinking.delta"), event(3, type="reason.completed"))
    assert summarise(response)["gapless"] is False


def test_an_error_is_passed_on() -> None:
    assert summarise(b"HTTP/1.1 429 Too Many\r\n\r\nbusy") == {"status": 429, "error": "busy"}


def test_a_request_asks_for_a_stream() -> None:
    head, _, body = encode_request("h", 1, "/reason", {"prompt": "é"}).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /reason HTTP/1.1\r\n")
    assert b"Accept: text/event-stream" in head and f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"prompt": "é"}


def test_a_chat_is_summed_up_by_its_usage_and_its_end() -> None:
    chunks = (b'data: {"choices":[{}]}\n\n', b'data: {"choices":[],"usage":{"completion_tokens":7}}\n\n')
    assert summarise(HEAD + chunked(*chunks, b"data: [DONE]\n\n")) == {
        "status": 200, "events": 3, "last": "[DONE]", "usage": {"completion_tokens": 7},
    }  # fmt: skip


def test_a_chat_that_broke_off_does_not_end_with_done() -> None:
    chunks = (b'data: {"choices":[{}]}\n\n', b'data: {"error":{"message":"gone"}}\n\n')
    summary = summarise(HEAD + chunked(*chunks))
    assert summary["last"] != "[DONE]" and summary["usage"] is None


async def test_the_time_to_the_first_event_does_not_count_the_head() -> None:
    """The server sends its head, and its first event only once the test has let it."""
    head_read = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        await writer.drain()
        await head_read.wait()
        writer.write(chunked(event(1, type="reason.completed")))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reading = asyncio.ensure_future(read_all("127.0.0.1", port, encode_request("h", port, "/reason", {})))
        await asyncio.sleep(0.05)
        head_read.set()
        received = await reading
    assert received.first_s is not None and received.first_s >= 0.05
    assert summarise(received.content)["last"] == "reason.completed"
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await read_all("127.0.0.1", port, b"GET / HTTP/1.1\r\n\r\n")).first_s is None
