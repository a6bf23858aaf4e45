"""Whether a server could listen on an address, asked before a model is loaded for it."""

import errno
import socket

from anytime_server.errors import AnytimeError

REMEDIES = {
    errno.EADDRINUSE: "choose another with --port (0 takes a free one)",
    errno.EADDRNOTAVAIL: "give an address of this machine with --host",
    errno.EACCES: "ports below 1024 need privileges; choose another with --port",
}


class ListenError(AnytimeError):
    """The address can't be listened on."""


def check_free(host: str, port: int) -> None:
    """Listen on `port` of `host` for a moment; port 0 is always free.

    Raises:
        ListenError: if that is not possible.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        # The second is what names that DNS can't hold are met with, such as `a..b`.
        reason = getattr(error, "strerror", None) or "no host can have this name"
        raise ListenError(f"{host!r} is no address: {reason}; {REMEDIES[errno.EADDRNOTAVAIL]}") from None
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            # As asyncio listens: connections that have just ended do not keep a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
                probe.listen()
            except OSError as error:
                raise _listen_error(error, host, port) from None


def _listen_error(error: OSError, host: str, port: int) -> ListenError:
    code = error.errno or 0
    problem = f"port {port} is taken" if code == errno.EADDRINUSE else f"port {port}: {error.strerror}"
    return ListenError(f"{problem} on {host}; {REMEDIES.get(code, 'choose another with --port')}")
