"""A client that has closed its sending half: it may still listen (`nc -N`), or have gone altogether.

What arrives is the same in both cases. Only a client that has gone answers the next bytes with a reset; so it is sent
some that mean nothing, and the reset is looked for.
"""

import asyncio
import select
import sys

from anytime_server.api.sse import FILLER
from anytime_server.http_protocol.timed import Timed

LOOK_S = 0.25
PROBE_LOOKS = 60
"""As many looks after a probe comes the next: who has listened for a while may go, too."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Before the response there may be any number of these, asked for or not."""


class BoundedHttpProtocol(Timed):
    """Goes on with the response to a client that has only said that it sends no more."""

    _looks = 0
    _looking_for_reset: asyncio.TimerHandle | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether there is somebody to answer: a request that was whole, if it is of HTTP/1.1.

        Windows can't look for the reset: there whoever has closed the half is taken to have gone.
        """
        if sys.platform == "win32":
            return False
        if not self.is_answering or self._request.in_body or self.cycle.scope["http_version"] != "1.1":
            return False
        self.cycle.keep_alive = False
        self._look_for_reset()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._looking_for_reset is not None:
            self._looking_for_reset.cancel()
        super().connection_lost(exc)

    def _look_for_reset(self) -> None:
        if self._looks % PROBE_LOOKS == 0:
            self._probe()
        self._looks += 1
        if self._is_reset():
            self.transport.abort()
        self._looking_for_reset = self.loop.call_later(LOOK_S, self._look_for_reset)

    def _probe(self) -> None:
        """Send what the client does not notice, unless something waits to be sent, or pipelined requests take turns."""
        if self.transport.get_write_buffer_size() or self.pipeline or self.transport.is_closing():
            return
        if not self.cycle.response_started:
            self.transport.write(CONTINUE)
        elif (filler := self.cycle.scope["state"].get(FILLER)) and self.is_answering:
            self.transport.write(b"%x\r\n%b\r\n" % (len(filler), filler))

    def _is_reset(self) -> bool:
        if sys.platform == "win32":
            return True
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
