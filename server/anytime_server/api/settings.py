"""What an operator decides about the HTTP surface: where it listens, who may use it, and its bounds."""

import ipaddress
import re
from dataclasses import dataclass, field

from anytime_server.api.keys import check_key
from anytime_server.api.openai.effort import EffortMap
from anytime_server.api.openai.tools import AUTO, check_parser_name

ORIGIN = re.compile(r"https?://[^/?#\s@]+")
HOST_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Address, access and limits of the server.

    Attributes:
        host: the address it listens on; without keys only a loopback address will do.
        port: likewise; 0 takes a free one.
        api_keys: any one of them opens the API; none leaves it open to whoever reaches it.
        allow_unauthenticated: serve without keys on an address that others can reach.
        allowed_hosts: names that a Host header may give where there are no keys, besides localhost and IP addresses.
        cors_origins: origins whose pages may use the API from a browser; `*` is any.
        max_body_bytes: larger request bodies are refused.
        drain_s: seconds that sessions get to end when the server goes down.
        send_timeout_s: seconds without a byte taken after which a client is cut off from its response.
        request_timeout_s: seconds that a client has for the headers of a request, and for a start of its body.
        effort: the budgets of OpenAI's reasoning efforts.
        tool_call_parser: the form of the model's tool calls; `auto` is what its chat template asks for.
        log_prompts: whether questions, thinking and answers may appear in the log.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    allow_unauthenticated: bool = False
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 4 * 2**20
    drain_s: float = 30.0
    send_timeout_s: float = 60.0
    request_timeout_s: float = 60.0
    effort: EffortMap = field(default_factory=EffortMap)
    tool_call_parser: str = AUTO
    log_prompts: bool = False

    def __post_init__(self) -> None:
        """Check the fields, and that they go together.

        Raises:
            ValueError: naming what to change; a key is never part of the message.
        """
        check_parser_name(self.tool_call_parser)
        for number, key in enumerate(self.api_keys, start=1):
            check_key(key, number)
        for origin in self.cors_origins:
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(f"--cors-origin takes scheme://host[:port], e.g. https://example.com, not {origin!r}")
        for name in self.allowed_hosts:
            if not HOST_NAME.fullmatch(name):
                raise ValueError(
                    f"--allowed-host takes a name such as example.com, without scheme or port, not {name!r}"
                )
        if self.api_keys:
            return
        if not is_loopback(self.host) and not self.allow_unauthenticated:
            raise ValueError(
                f"whoever reaches {self.host or 'this machine'}:{self.port} could use the model: set ANYTIME_API_KEYS, "
                "or listen on 127.0.0.1, or say --allow-unauthenticated"
            )
        if "*" in self.cors_origins and not self.allow_unauthenticated:
            raise ValueError(
                "any web page could use the model: set ANYTIME_API_KEYS, or name the origins in --cors-origin, "
                "or say --allow-unauthenticated"
            )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`; a name other than localhost counts as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
