"""Which servers the remote engine asks, with which key, and how long it waits for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anytime_server.engines.supervision.stalls import STALL_S
from anytime_server.errors import EngineError

KEY, KEY_FILE = "ANYTIME_ENGINE_API_KEY", "ANYTIME_ENGINE_API_KEY_FILE"
PRINTABLE = re.compile(r"[!-~]+")
SIZES = ("connect_timeout_s", "start_timeout_s", "give_up_s", "block_size", "data_parallel_size")
OPTIONS = (*SIZES, "draws_by_position")


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """How the remote engine reaches its servers.

    Attributes:
        urls: of the servers; all serve the same model.
        api_key: sent to each as a bearer token; None sends none.
        connect_timeout_s: seconds within which a server must accept a connection.
        start_timeout_s: seconds to wait at the start until one server is there, which may be loading its model.
        give_up_s: seconds to wait for a server once none is left.
        block_size: tokens of a server's KV block; None asks its metrics, and takes vLLM's default if they don't say.
        data_parallel_size: ranks of each server; None asks its metrics.
        stall_s: seconds of silence after which a stream that runs is broken off.
        draws_by_position: whether vLLM's servers run the V2 model runner, as they do on GPUs; None finds out.
    """

    urls: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 5.0
    start_timeout_s: float = 600.0
    give_up_s: float = 300.0
    block_size: int | None = None
    data_parallel_size: int | None = None
    draws_by_position: bool | None = None
    stall_s: float = STALL_S

    def __post_init__(self) -> None:
        """Check the values, which come from a command line.

        Raises:
            EngineError: naming the value and what to give instead; a key is never part of the message.
        """
        if not self.urls:
            raise EngineError("the remote engine needs a server: --engine-url http://HOST:PORT")
        for url in self.urls:
            _check_url(url)
        if self.api_key is not None and not PRINTABLE.fullmatch(self.api_key):
            raise EngineError(f"{KEY} can't be sent in a header; use printable ASCII, no spaces")
        if self.draws_by_position is not None and not isinstance(self.draws_by_position, bool):
            raise EngineError(f"draws_by_position must be true or false: {self.draws_by_position!r}")
        for name in SIZES:
            value = getattr(self, name)
            whole = not name.endswith("_s")
            if value is None and whole:
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value <= 0:
                raise EngineError(
                    f"{name} must be {'an integer' if whole else 'a number of seconds'} above 0: {value!r}"
                )

    @classmethod
    def of(
        cls,
        urls: Sequence[str],
        options: Mapping[str, Any],
        api_key: str | None = None,
        *,
        stall_s: float = STALL_S,
    ) -> "RemoteConfig":
        """Return the config of these servers, each once, and the engine's own options by name.

        Raises:
            EngineError: if there is no such option, or a value won't do.
        """
        if unknown := set(options) - set(OPTIONS):
            has_not, has = ", ".join(sorted(unknown)), ", ".join(sorted(OPTIONS))
            raise EngineError(f"the remote engine has no option {has_not}; it has {has}")
        return cls(tuple(dict.fromkeys(url.rstrip("/") for url in urls)), api_key, stall_s=stall_s, **options)


def key_from(environ: Mapping[str, str]) -> str | None:
    """Return the key in ANYTIME_ENGINE_API_KEY, or in the file that ANYTIME_ENGINE_API_KEY_FILE names; blank is none.

    Raises:
        EngineError: if both are set, or the file can't be read or holds no key.
    """
    key, file = environ.get(KEY, "").strip(), environ.get(KEY_FILE, "")
    if not file:
        return key or None
    if key:
        raise EngineError(f"set {KEY} or {KEY_FILE}, not both")
    try:
        key = Path(file).read_text().strip()
    except OSError as error:
        raise EngineError(f"can't read {KEY_FILE}: {error}") from error
    if not key:
        raise EngineError(f"{KEY_FILE} {file} holds no key")
    return key


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise EngineError(f"--engine-url takes http://HOST:PORT or https://..., not {url!r}")
    if parts.username is not None or parts.password is not None:
        raise EngineError(f"--engine-url takes no user or password; set {KEY}")
