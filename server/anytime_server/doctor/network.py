"""The port that a server would listen on, and the server that the client would talk to."""

import os
from http import HTTPStatus
from typing import Any

from anytime_server.doctor.findings import Finding, failure
from anytime_server.listening import ListenError, check_free

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
    try:
        check_free(host, port)
    except ListenError as error:
        if _readiness(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}") is not None:
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
    except ConfigurationError as error:
        return Finding("server", "warning", error.message, start)
    ready = _readiness(address.url, address.user)
    if ready is None:
        text = f"no Anytime server answers at {address.url}"
        return Finding("server", "warning", text, start) if expected else Finding("server", "ok", text)
    if "error" in ready:
        return Finding("server", "warning", f"{address.url}: {ready['error']['message']}", "see the server's log")
    text = f"{address.url} serves {ready['model']} with {ready['engine']}"
    if _is_refused(address.url, address.user, api_key):
        refused = "refuses this API key" if api_key else "wants an API key"
        return Finding("server", "warning", f"{text}, but {refused}", "set ANYTIME_API_KEY to one of its keys", ready)
    return Finding("server", "ok", text, details=ready)


def _is_refused(base_url: str, user: tuple[str, str] | None, api_key: str | None) -> bool:
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        reply = httpx.get(f"{base_url}/v1/models", headers=headers, auth=user, timeout=SERVER_TIMEOUT_S)
    except UnicodeEncodeError:
        return True  # no header can carry it
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.UNAUTHORIZED


def _readiness(base_url: str, user: tuple[str, str] | None = None) -> dict[str, Any] | None:
    """Return what `/readyz` says, which may be an error; None if it is not an Anytime server's."""
    import httpx

    try:
        reply = httpx.get(f"{base_url}/readyz", auth=user, timeout=SERVER_TIMEOUT_S)
        said = reply.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return said if isinstance(said, dict) and _is_ours(reply.status_code, said) else None


def _is_ours(status: int, said: dict[str, Any]) -> bool:
    """Whether it is what an Anytime server says: others too answer paths that they do not know with an `error`."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return isinstance(said.get("error"), dict) and "message" in said["error"]
    return status == HTTPStatus.OK and {"model", "engine"} <= said.keys()
