"""How long a client may take, watched on every connection by one timer."""

import asyncio
import logging

from anytime_server.errors import RequestTimeout
from anytime_server.http_protocol.headers import HeaderBound
from anytime_server.http_protocol.refusals import refusal
from anytime_server.http_protocol.timeouts import RequestClock, SendClock, Timeouts
from anytime_server.logs import fields

logger = logging.getLogger(__name__)

LAST_SEND_S = 1.0
"""Without a byte taken, once the server waits for nothing else before it ends."""

REFUSAL = refusal(RequestTimeout("the request did not arrive in time; send it again, and all of it"))


class Timed(HeaderBound):
    """Closes connections whose client neither sends its request nor takes its response.

    A request that does not arrive is answered 408, if any of it did. A reader that has stopped is cut off with what
    waits for it, and its response ends as for any client that has left.
    """

    timeouts = Timeouts()
    cut_off = False
    """Whether the connection was broken off with bytes left that its client did not take."""

    _head_begun = False
    _request: RequestClock
    _looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._request, self._send = RequestClock(self.loop.time()), SendClock()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._look_no_more()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol."""
        self._look_no_more()
        super().handle_websocket_upgrade()

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    # --- what the clocks are told ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take in bytes: a request has begun."""
        self._request.begin(self.loop.time())
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait for the headers: of this request, if it came along with the end of another."""
        self._head_begun = True
        self._request.begin(self.loop.time())
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._head_begun = False
        self._request.begin_body(self.loop.time())
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        self._request.got(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop waiting."""
        self._request.stop()
        super().on_message_complete()

    def resume_writing(self) -> None:
        """Go on sending: the client takes it."""
        self._send.progress()
        super().resume_writing()

    def shutdown(self) -> None:
        """Close as soon as the response is sent; the server waits for it, so the client is waited for no longer."""
        super().shutdown()
        if self._looking is not None:
            self.timeouts = Timeouts(min(LAST_SEND_S, self.timeouts.send_s), self.timeouts.request_s)
            self._looking.cancel()
            self._look_later()

    # --- what they tell ----------------------------------------------------------------------------------------------

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.timeouts.look_s, self._look)

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _look(self) -> None:
        now = self.loop.time()
        if self._has_stalled(now):
            self.break_off()
            logger.info("a client took none of its response", extra=fields(client=self.client and self.client[0]))
        elif self._is_late(now):
            self.refuse(REFUSAL if self._can_be_told else b"")
        self._look_later()

    def _has_stalled(self, now: float) -> bool:
        # What waits only gets less while the response is held up, or is over.
        if self.flow.write_paused or not self.is_answering:
            return self._send.is_overdue(self.transport.get_write_buffer_size(), self.timeouts.send_s, now)
        self._send.progress()
        return False

    def _is_late(self, now: float) -> bool:
        if self.flow.read_paused or (self.is_answering and not self._request.in_body):
            # It is the server that does not read, or that the client waits for.
            self._request.hold(now)
            return False
        return self._request.is_overdue(self.timeouts.request_s, now)

    @property
    def _can_be_told(self) -> bool:
        """Whether a response would be one to the request: some of it has come, and nothing else was answered."""
        return not self.cycle.response_started if self._request.in_body else self._head_begun

    def break_off(self) -> None:
        """Close at once; what the client has not taken is lost."""
        self.cut_off = True
        self.transport.abort()
