"""What a client is set up with: where the server is, the key, time-outs and retries."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf

import httpx

from anytime_client._address import BASE_URL_VARIABLE, Address
from anytime_client._errors import ConfigurationError
from anytime_client._retries import UNREACHED_RETRIES

API_KEY_VARIABLE = "ANYTIME_API_KEY"
DEFAULT_BASE_URL = "http://localhost:8000"
DEFAULT_TIMEOUT = httpx.Timeout(45.0, connect=5.0)
DEFAULT_MAX_RETRIES = 4
STREAM_READ_S = 45.0
"""A stream is never silent for longer than the server's heartbeat of 15 s, so by then its other end is gone."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one client, checked. `headers` go with every request."""

    address: Address
    api_key: str | None = field(repr=False)
    timeout: httpx.Timeout
    max_retries: int
    unreached_retries: int
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def resolve(
        cls,
        base_url: str | None,
        api_key: str | None,
        timeout: float | httpx.Timeout | None,
        max_retries: int | None,
        headers: Mapping[str, str] | None,
    ) -> "Config":
        """Fill what is not given from the environment.

        Raises:
            ConfigurationError: if a setting can't be used; the message names it.
        """
        url = base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        address = Address.parse(url)
        key = (api_key or os.environ.get(API_KEY_VARIABLE) or "").strip()
        retries = (DEFAULT_MAX_RETRIES, UNREACHED_RETRIES) if max_retries is None else (max_retries, max_retries)
        config = cls(address, key or None, httpx.Timeout(timeout), *retries, dict(headers or {}))
        config._check()
        return config

    @property
    def base_url(self) -> str:
        """What goes before the routes."""
        return self.address.url

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of every request; the user's own win."""
        about = f"anytime-reasoning/{version('anytime-reasoning')} python/{platform.python_version()}"
        authorization = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"User-Agent": about, **authorization, **self.headers}

    @property
    def stream_timeout(self) -> httpx.Timeout:
        """The time-outs of a stream: its reads wait for longer than the server's heartbeat."""
        stream = httpx.Timeout(self.timeout)
        if stream.read is not None:
            stream.read = max(stream.read, STREAM_READ_S)
        return stream

    def _check(self) -> None:
        if self.api_key and self.address.user:
            raise ConfigurationError(
                f"base_url has a user in it and there is an api_key ({API_KEY_VARIABLE}): both go into the one "
                "Authorization header; leave one of them out"
            )
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigurationError(f"api_key ({API_KEY_VARIABLE}) must be printable ASCII")
        if not self.max_retries >= 0:
            raise ConfigurationError(f"max_retries must be 0 or more, not {self.max_retries}")
        if any(seconds is not None and not 0 < seconds < inf for seconds in self.timeout.as_dict().values()):
            raise ConfigurationError(f"timeout must be seconds above 0, or None for no limit, not {self.timeout}")
