"""Where a server is, from what people write: a URL with or without `/v1`, a path, a slash at its end, a password."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

from anytime_client._errors import ConfigurationError

BASE_URL_VARIABLE = "ANYTIME_BASE_URL"
SECRET = re.compile(r"^([a-z][a-z0-9+.-]*://|//)?.*@", re.IGNORECASE | re.DOTALL)
ENCODE = "the signs / : @ ? # of a password must be percent-encoded"
OPENAI_PATH = "/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    Attributes:
        url: what goes before the routes, without a slash at its end, and without the user.
        user: name and password for HTTP basic authentication, as of a proxy; they are in no message and no `repr`.
    """

    url: str
    user: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address.

        OpenAI's clients are given the address with `/v1` at its end; it is the same server.

        Raises:
            ConfigurationError: if it is none; the message says what is wrong with it, and never holds a password.
        """
        url = _parse(text.strip())
        path = url.raw_path.decode().rstrip("/").removesuffix(OPENAI_PATH).rstrip("/")
        user = (url.username, url.password) if url.userinfo else None
        return cls(f"{url.scheme}://{url.netloc.decode()}{path}", user)

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, to which no proxy of the environment leads."""
        host = httpx.URL(self.url).host
        try:
            address = ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_unspecified


def shown(text: str) -> str:
    """Return a URL as it may be shown: without user and password."""
    return SECRET.sub(r"\1***@", text)


def _parse(text: str) -> httpx.URL:
    told = f"base_url ({BASE_URL_VARIABLE}) {shown(text)!r}"
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{told} is no URL: it is not UTF-8 text") from None
    if "://" not in text:
        host = re.sub(r"^(https?:)?/*", "", shown(text))
        example = f"http://{host or 'localhost:8000'}"
        raise ConfigurationError(f"{told} does not begin with http:// or https://; write it like {example}")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        # What httpx found may be a part of a password.
        found = ENCODE if "@" in text else str(error)
        raise ConfigurationError(f"{told} is no URL: {found}") from None
    if "@" in f"{url.raw_path.decode()}{url.fragment}":
        raise ConfigurationError(f"{told} has an @ behind its host: {ENCODE}, and an @ of a path too")
    if url.scheme not in ("http", "https"):
        raise ConfigurationError(f"{told} must begin with http:// or https://, not with {url.scheme}://")
    if not url.host or re.search(r"[\s%]", url.host):
        raise ConfigurationError(f"{told} names no host; it must be like http://localhost:8000")
    if not _may_be_looked_up(url.raw_host.decode()):
        raise ConfigurationError(f"{told} names a host that can't be: its parts between dots have 1 to 63 characters")
    if url.port is not None and not 0 < url.port < 65536:
        raise ConfigurationError(f"{told} has a port that can't be: {url.port}; ports go from 1 to 65535")
    if url.query or url.fragment:
        raise ConfigurationError(f"{told} has a part behind ? or #; leave it out")
    return url


def _may_be_looked_up(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
