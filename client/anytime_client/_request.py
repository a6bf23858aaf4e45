"""A call as an HTTP request, and what HTTP clients are made with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from anytime_client._calls import Call
from anytime_client._certificates import certificates_for
from anytime_client._config import Config
from anytime_client._errors import ConfigurationError


def build_request(http: httpx.Client | httpx.AsyncClient, call: Call, config: Config) -> httpx.Request:
    """Return `call` as a request of `http`."""
    timeout = config.stream_timeout if call.streams else config.timeout
    if call.timeout_s is not None:
        timeout = httpx.Timeout(call.timeout_s)
    return http.build_request(
        call.method, call.path, json=call.json, params=call.params, headers=dict(call.headers), timeout=timeout
    )


def is_stream(response: httpx.Response) -> bool:
    """Whether a response is an event stream; anything else is read to its end."""
    return response.is_success and response.headers.get("Content-Type", "").startswith("text/event-stream")


def http_options(config: Config) -> dict[str, Any]:
    """Return the arguments that both of httpx's clients are made with."""
    return {
        "base_url": config.base_url,
        "auth": config.address.user,
        "headers": config.all_headers,
        "timeout": config.timeout,
        # As many streams as the caller asks for; the server says when there are too many.
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=20),
        "follow_redirects": True,
        "verify": certificates_for(config.base_url),
        "trust_env": not config.address.is_here,
    }


@contextmanager
def setting_up() -> Iterator[None]:
    """Make one of httpx's clients inside.

    Raises:
        ConfigurationError: if it can't be made: it takes proxies from the environment, of which some need a package.
    """
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        variables = "ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY"
        raise ConfigurationError(
            f"headers, or a proxy of the environment ({variables}), can't be used: {error}"
        ) from error
