"""A server of raw sockets that replays a recorded stream, and cuts its connections where it is told to."""

import socket
import struct
import threading
from contextlib import contextmanager

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n"
LOST = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + (
    b'{"error": {"type": "not_found_error", "message": "no session", "param": "id", "request_id": "req_1"}}'
)


class Replay:
    """Serves `transcript` to POST /reason, and what comes after an event to GET /reason/ID/events.

    Of each next number in `cuts` that many bytes of a response are sent, its head included, before the connection goes
    down: with a reset if `resets`. Without cuts left a response is whole, or a 404 if `forgets`. So many events before
    the one asked for come again as `repeats` says.
    """

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.load(b"")

    def load(self, transcript, cuts=(), *, chunked=True, resets=False, forgets=False, repeats=0):
        self.blocks = [block + b"\n\n" for block in transcript.split(b"\n\n") if block]
        self.cuts = list(cuts)
        self.chunked, self.resets, self.forgets, self.repeats = chunked, resets, forgets, repeats
        self.requests = []

    def serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _answer(self, connection):
        with connection.makefile("rb") as reader:
            method, path, _ = reader.readline().decode().split()
            headers = {}
            while line := reader.readline().strip():
                name, _, value = line.decode().partition(": ")
                headers[name.lower()] = value
            reader.read(int(headers.get("content-length", 0)))
        self.requests.append((method, path, headers))
        response = self._response(max(0, int(headers.get("last-event-id", 0)) - self.repeats))
        if not self.cuts:
            connection.sendall(LOST if self.forgets else response)
            return
        connection.sendall(response[: self.cuts.pop(0)])
        if self.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _response(self, after):
        body = b": ping\n\n" + b"".join(self.blocks[after:])
        if not self.chunked:
            return HEAD + b"\r\n" + body
        chunks = (body[start : start + 700] for start in range(0, len(body), 700))
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


@contextmanager
def replaying():
    """Run a `Replay` in a thread."""
    replay = Replay()
    thread = threading.Thread(target=replay.serve)
    thread.start()
    try:
        yield replay
    finally:
        replay.stop()
        thread.join()
