"""The port that a server would listen on, and the server that the client would talk to."""

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from anytime_server.doctor.findings import Finding, failure
from anytime_server.listening import ListenError, check_free

if TYPE_CHECKING:
    import httpx

    from anytime_client._address import Address

SERVER_TIMEOUT_S = 5


def check_access(host: str, port: int, *, allow_unauthenticated: bool) -> Finding:
    """Look who could use a server there: API keys come from the environment. Needs what serving needs."""
    from anytime_server.api import ServerSettings
    from anytime_server.api.keys import keys_from

    try:
        keys = keys_from(os.environ)
        ServerSettings(host=host, port=port, api_keys=keys, allow_unauthenticated=allow_unauthenticated)
    except ValueError as error:
        return failure("access", error)
    if keys:
        return Finding("access", "ok", f"whoever has an API key; {len(keys)} of them set")
    if allow_unauthenticated:
        return Finding("access", "warning", f"whoever reaches {host}:{port}", "set ANYTIME_API_KEYS")
    return Finding("access", "ok", "whoever is on this machine; no API keys are set")


def check_port(host: str, port: int) -> Finding:
    """Look whether a server could listen there."""
    from anytime_client._address import Address

    try:
        check_free(host, port)
    except ListenError as error:
        if _readiness(Address(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")) is not None:
            text = f"{port} on {host} is taken by an Anytime server"
            return Finding("port", "warning", text, "use that server, or start another with --port")
        return failure("port", error)
    return Finding("port", "ok", f"{port} on {host} is free" if port else f"a free one on {host}")


def check_server(base_url: str, api_key: str | None, *, expected: bool) -> Finding:
    """Look whether an Anytime server answers at `base_url`; if it was `expected` there, its absence is a warning."""
    from anytime_client import ConfigurationError
    from anytime_client._address import Address

    start = "start it (anytime serve), or correct ANYTIME_BASE_URL or --base-url"
    try:
        address = Address.parse(base_url)
        ready = _readiness(address)
    except ConfigurationError as error:
        return Finding("server", "warning", error.message, start)
    if ready is None:
        text = f"no Anytime server answers at {address.url}"
        return Finding("server", "warning", text, start) if expected else Finding("server", "ok", text)
    if "error" in ready:
        return Finding("server", "warning", f"{address.url}: {ready['error']['message']}", "see the server's log")
    text = f"{address.url} serves {ready['model']} with {ready['engine']}"
    if _is_refused(address, api_key):
        refused = "refuses this API key" if api_key else "wants an API key"
        return Finding("server", "warning", f"{text}, but {refused}", "set ANYTIME_API_KEY to one of its keys", ready)
    return Finding("server", "ok", text, details=ready)


def _is_refused(address: "Address", api_key: str | None) -> bool:
    import httpx

    try:
        reply = _get(address, "/v1/models", {"Authorization": f"Bearer {api_key}"} if api_key else {})
    except UnicodeEncodeError:
        return True  # no header can carry it
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.UNAUTHORIZED


def _readiness(address: "Address") -> dict[str, Any] | None:
    """Return what `/readyz` says, which may be an error; None if it is not an Anytime server's."""
    import httpx

    try:
        reply = _get(address, "/readyz", {})
        said = reply.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return said if isinstance(said, dict) and _is_ours(reply.status_code, said) else None


def _get(address: "Address", path: str, headers: Mapping[str, str]) -> "httpx.Response":
    """Ask as the client does."""
    import httpx

    from anytime_client._certificates import certificates_for

    return httpx.get(
        f"{address.url}{path}",
        headers=headers,
        auth=address.user,
        timeout=SERVER_TIMEOUT_S,
        verify=certificates_for(address.url),
        trust_env=not address.is_here,
    )


def _is_ours(status: int, said: dict[str, Any]) -> bool:
    """Whether it is what an Anytime server says: others too answer paths that they do not know with an `error`."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return isinstance(said.get("error"), dict) and "message" in said["error"]
    return status == HTTPStatus.OK and {"model", "engine"} <= said.keys()
