"""Who may use the API: with keys, who sends one of them; without, who addresses the server by a name of its own.

Without keys the server trusts whoever reaches it, which for a loopback address is this machine alone. But a browser on
it runs pages of strangers, and a page of evil.example whose name is made to resolve to 127.0.0.1 (DNS rebinding) is to
the browser the same site as the server. What gives it away is the Host header: it names evil.example.
"""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from anytime_server.api.errors import error_response
from anytime_server.api.keys import client_name
from anytime_server.api.settings import ServerSettings
from anytime_server.errors import AnytimeError, Misdirected, Unauthenticated

PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/health", "/ping", "/version"})
OPEN_PATHS = PROBES | {"/", "/playground", "/docs", "/openapi.json"}
OPEN_PREFIXES = ("/playground/", "/docs/")
"""What is open to everybody: probes, metrics, the API's description and the playground's files, none of which runs the
model or tells of a session."""

HOST = re.compile(r"(\[(?P<address>[^\[\]]*)(\]|$)|(?P<name>[^\[\]:]*))(:[0-9]*)?")


class AccessControl:
    """Refuses requests before their body is read. Pure ASGI, so streams are not buffered."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        """Wrap `app`."""
        self._app = app
        self._keys = tuple(sha256(key.encode()).digest() for key in settings.api_keys)
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await error_response(Request(scope), refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> AnytimeError | None:
        if scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIXES):
            return None
        headers = Headers(scope=scope)
        return self._check_key(headers, scope) if self._keys else self._check_host(headers)

    def _check_key(self, headers: Headers, scope: Scope) -> AnytimeError | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return Unauthenticated("this server wants an API key, sent as Authorization: Bearer KEY")
        client = client_of(key.strip(), self._keys)
        if client is None:
            return Unauthenticated("this API key is not one of the server's; check ANYTIME_API_KEY where you call from")
        scope.setdefault("state", {})["client"] = client
        return None

    def _check_host(self, headers: Headers) -> AnytimeError | None:
        hosts = headers.getlist("host")
        host = host_name(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            given = ", ".join(map(repr, hosts)) or "nothing"
            return Misdirected(f"this server wants one Host header with a name or an address, not {given}")
        if is_address(host) or host == "localhost" or host.endswith(".localhost") or host in self._hosts:
            return None
        return Misdirected(
            f"this server has no API keys and does not go by the name {host!r}: call it by localhost or its IP "
            "address, or start it with --allowed-host NAME, or with ANYTIME_API_KEYS"
        )


def client_of(key: str, digests: Sequence[bytes]) -> str | None:
    """Return the name of who has a `key` with one of the SHA-256 `digests`, in a time that tells nothing about them.

    None is nobody.
    """
    digest = sha256(key.encode()).digest()
    matches = [hmac.compare_digest(digest, known) for known in digests]
    return client_name(key) if any(matches) else None


def host_name(host: str) -> str | None:
    """Return the name in a Host header, without port and brackets; None if it is neither a name nor an address."""
    match = HOST.fullmatch(host)
    return (match["address"] or match["name"] or "").lower() if match else None


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address: a page can't make one its own by DNS."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
