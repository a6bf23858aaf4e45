"""How long a client may take: to send its request, and to take what it is sent. Clocks without a connection.

They are read every now and then, not at each event: a connection that behaves costs nothing but its timer.
"""

from dataclasses import dataclass

MIN_BODY_RATE = 1024
"""Bytes of a body a second, below which its time runs out."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """What a connection is allowed, in seconds.

    Attributes:
        send_s: without a byte taken of what waits to be sent.
        request_s: for the headers of a request; as much for its body, and more the more of it has arrived.
    """

    send_s: float = 60.0
    request_s: float = 60.0

    @property
    def look_s(self) -> float:
        """How often the clocks are read."""
        return min(self.send_s, self.request_s) / 4


class RequestClock:
    """The time that a client has for its request: for the headers, then for the body.

    The body's grows with each byte, so a slow line can send a large one, and one that trickles can't hold on.
    """

    def __init__(self, now: float) -> None:
        """Begin to wait for headers."""
        self._since: float | None = now
        self._body_bytes = 0
        self.in_body = False

    @property
    def runs(self) -> bool:
        """Whether a request is awaited, or has arrived in part."""
        return self._since is not None

    def begin(self, now: float) -> None:
        """Wait for the headers of a request, unless that is so already."""
        if self._since is None:
            self._since = now

    def begin_body(self, now: float) -> None:
        """Wait for the body of a request."""
        self._since, self._body_bytes, self.in_body = now, 0, True

    def got(self, body_bytes: int) -> None:
        """Note a piece of the body."""
        self._body_bytes += body_bytes

    def hold(self, now: float) -> None:
        """Begin anew: so far it was not the client that was waited for."""
        if self._since is not None:
            self._since, self._body_bytes = now, 0

    def stop(self) -> None:
        """Stop: the request has arrived."""
        self._since, self.in_body = None, False

    def is_overdue(self, allowed_s: float, now: float) -> bool:
        """Return whether the client has had its time."""
        return self._since is not None and now - self._since > allowed_s + self._body_bytes / MIN_BODY_RATE


class SendClock:
    """The time in which none of the bytes that wait to be sent was taken. Told of them while they only get fewer."""

    def __init__(self) -> None:
        """Begin with nothing to be sent."""
        self._unsent = 0
        self._since = 0.0

    def progress(self) -> None:
        """Note that bytes were taken."""
        self._unsent = 0

    def is_overdue(self, unsent: int, allowed_s: float, now: float) -> bool:
        """Return whether as many bytes have been waiting for all the time."""
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._since = unsent, now
            return False
        return now - self._since >= allowed_s
