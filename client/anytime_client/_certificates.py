"""What TLS connections trust: to read it takes longer than a request to a server nearby."""

import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpx

from anytime_client._errors import ConfigurationError

VARIABLES = "SSL_CERT_FILE, SSL_CERT_DIR"


def certificates_for(url: str) -> ssl.SSLContext:
    """Return the certificates for a server at `url`: they are read at once if it speaks TLS, else once TLS is spoken.

    Raises:
        ConfigurationError: if they can't be read.
    """
    return _Late(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else _certificates()


@cache
def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise ConfigurationError(f"the certificates of the environment ({VARIABLES}) can't be read: {error}") from error


class _Late(ssl.SSLContext):
    """Stands for the certificates, and reads them at the first TLS connection: redirects may lead to one."""

    _alpn: tuple[str, ...] = ()

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        self._alpn = tuple(alpn_protocols)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return self._read().wrap_socket(*args, **kwargs)

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self._read().wrap_bio(*args, **kwargs)

    def _read(self) -> ssl.SSLContext:
        context = _certificates()
        context.set_alpn_protocols(list(self._alpn))
        return context
