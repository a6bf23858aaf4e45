"""Opens many streams of a server at once, from a process of its own: it takes no time of the server's event loop.

Reads one JSON line per round from standard input, {"host", "port", "path", "bodies": [...]}, and writes one back:
seconds from the first connection to the last byte, CPU seconds spent in between, and of each stream the seconds to its
first event and what it ended with. It speaks HTTP over bare sockets and only parses once everything has arrived, so
that it takes little of the server's CPU.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass
from typing import Any

READ_BYTES = 2**16
LINE_END = re.compile(r"\r\n|\n|\r")
EVENT = b"data:"
"""Both servers send the first event of a stream with its first token."""


@dataclass(frozen=True, slots=True)
class Received:
    """A response as it came: its bytes, and seconds from the request to its first event (None without one)."""

    content: bytes
    first_s: float | None


def main() -> None:
    """Serve rounds until standard input is closed."""
    for line in sys.stdin:
        print(json.dumps(asyncio.run(run_round(**json.loads(line)))), flush=True)


async def run_round(host: str, port: int, path: str, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """Open a stream of `path` for every body at once and read them all to the end."""
    requests = [encode_request(host, port, path, body) for body in bodies]
    start, cpu_start = time.perf_counter(), time.process_time()
    responses = await asyncio.gather(*(read_all(host, port, request) for request in requests))
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    summaries = [{"first_s": response.first_s, **summarise(response.content)} for response in responses]
    return {"wall_s": wall_s, "cpu_s": cpu_s, "streams": summaries}


def encode_request(host: str, port: int, path: str, body: dict[str, Any]) -> bytes:
    """Return a POST that asks for a stream and for the connection to be closed behind it."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def read_all(host: str, port: int, request: bytes) -> Received:
    """Send the request and return everything that comes back."""
    start, first_s = time.perf_counter(), None
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    parts: list[bytes] = []
    while part := await reader.read(READ_BYTES):
        if first_s is None and EVENT in part:
            first_s = time.perf_counter() - start
        parts.append(part)
    writer.close()
    return Received(b"".join(parts), first_s)


def summarise(response: bytes) -> dict[str, Any]:
    """Return the status, the number of events, and how they ended.

    A session's are numbered, without a gap or not, and the last one has its document; a chat's end with `[DONE]`, and
    the last chunk before tells its usage.
    """
    head, _, chunked = response.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status != 200:
        return {"status": status, "error": chunked.decode(errors="replace")}
    events = parse_events(dechunk(chunked).decode())
    if "id" not in events[0]:
        usage = json.loads(events[-2]["data"]).get("usage")
        return {"status": status, "events": len(events), "last": events[-1]["data"], "usage": usage}
    last = json.loads(events[-1]["data"])
    return {
        "status": status,
        "events": len(events),
        "gapless": [int(event["id"]) for event in events] == list(range(1, len(events) + 1)),
        "last": last["type"],
        "document": last.get("document"),
    }


def dechunk(chunked: bytes) -> bytes:
    """Return the body of a response in chunked transfer encoding."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = chunked.index(b"\r\n", position)
        size = int(chunked[position:end].partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(chunked[end + 2 : end + 2 + size])
        position = end + 2 + size + 2


def parse_events(text: str) -> list[dict[str, str]]:
    """Return the server-sent events as dicts of their fields; comments are left out."""
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in LINE_END.split(text):
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif not line:
            if "data" in fields:
                events.append(fields)
            fields = {}
    return events


if __name__ == "__main__":
    main()
