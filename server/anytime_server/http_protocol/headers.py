"""How large headers may be.

The parser joins a header's pieces as they come, which takes quadratic time, and hands it on when it is whole; so bytes
are counted as they arrive. Trailers and chunk extensions are bounded by the same count.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from anytime_server.errors import HeadersTooLarge
from anytime_server.http_protocol.refusals import refusal

MAX_HEADER_BYTES = 2**16
"""Request line and headers of a request together; likewise its trailers."""

MESSAGE = f"the request line and the headers are over {MAX_HEADER_BYTES} bytes; shorten them"
REFUSAL = refusal(HeadersTooLarge(MESSAGE))


class HeaderBound(HttpToolsProtocol):
    """Answers 431 to larger headers and closes the connection, before anything else is done with the request."""

    _unseen_bytes = 0
    _header_bytes = 0
    _refused = False

    def data_received(self, data: bytes) -> None:
        """Take in bytes, unless they are too many without an end of the headers, or a piece of the body."""
        if self._refused:
            return
        self._unseen_bytes += len(data)
        super().data_received(data)
        if self._unseen_bytes > MAX_HEADER_BYTES:
            self.refuse(REFUSAL)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._header_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._header_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request begin, if its headers are within the bound."""
        self._unseen_bytes = 0
        if self._header_bytes > MAX_HEADER_BYTES:
            raise HeadersTooLarge(MESSAGE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        self._unseen_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take in the end of a request."""
        self._unseen_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say why: the parser reports an error of ours as its own."""
        if self._header_bytes > MAX_HEADER_BYTES:
            self.refuse(REFUSAL)
        else:
            super().send_400_response(msg)

    def refuse(self, response: bytes) -> None:
        """Answer with a whole `response` in place of the application, and close the connection."""
        if self._refused:
            return
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()
