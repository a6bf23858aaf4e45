"""One server of the remote engine: its connections, what is running there, and whether it is asked at all."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx

from anytime_server.engines.remote.body import ROUTE
from anytime_server.engines.remote.breaker import Breaker, State
from anytime_server.engines.remote.config import KEY, RemoteConfig
from anytime_server.engines.remote.silence import Listening, Silence
from anytime_server.engines.remote.transport import StreamTransport
from anytime_server.engines.supervision.stalls import look_every_s
from anytime_server.errors import EngineDied, EngineError, InvalidRequest

CONTROL_TIMEOUT_S = 10.0


class Refused(EngineDied):
    """The server can't be reached, or has not taken the request: another one may."""


class Upstream:
    """Talks to one server, and notes its failures; `on_failure` is told of the first of them.

    It `hangs` from a stall on until it has thought a token again.
    """

    def __init__(self, url: str, config: RemoteConfig, on_failure: Callable[["Upstream"], None]) -> None:
        """Connect to nothing yet."""
        self.url = url
        self.breaker = Breaker()
        self.draws_by_position = False
        self.ranks = 1
        self.running = [0]
        self.heard_at = 0.0
        self.hangs = False
        self._streams: set[Listening] = set()
        self._silence = Silence(config.stall_s, look_every_s(config.stall_s))
        self._on_failure = on_failure
        self._headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        self._client = httpx.AsyncClient(
            base_url=url,
            # Pieces are read as they come: compressed ones would be none.
            headers={**self._headers, "Accept-Encoding": "identity"},
            # Reading has no limit of its own: who waits in the server's queue hears nothing, for as long as it takes.
            timeout=httpx.Timeout(None, connect=config.connect_timeout_s),
            transport=StreamTransport(),
        )

    @property
    def loads(self) -> list[int]:
        """Our requests running there, by rank of data parallelism."""
        return self.running[: self.ranks]

    def has_ranks(self, ranks: int) -> None:
        """Note that the server has so many; requests may still run on others that it had before."""
        self.ranks = ranks
        self.running += [0] * (ranks - len(self.running))

    @property
    def up(self) -> bool:
        """Whether requests go there."""
        return self.breaker.state is State.closed

    async def ask(
        self, method: str, path: str, body: Any = None, timeout_s: float = CONTROL_TIMEOUT_S
    ) -> httpx.Response:
        """Return the response to a short request, whatever its status below 500.

        Raises:
            Refused: if the server can't be reached, or failed.
        """
        try:
            response = await self._client.request(method, path, json=body, timeout=timeout_s)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Refused(f"{self.url} can't be reached: {_reason(error)}") from error
        if response.is_server_error:
            raise Refused(f"{self.url} answers {response.status_code}: {_message_of(response)}")
        self.heard()
        return response

    async def generate(self, body: bytes, headers: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        """Yield the stream that `body` asks for; closing it drops the connection, which aborts the request there.

        Raises:
            Refused: if the server has not taken the request.
            EngineDied: if the connection or the server is lost on the way.
            InvalidRequest: if the server can't honour the request.
            EngineError: if it can't be served for another reason, saying what to change.
        """
        begun = False
        all_headers = {"Content-Type": "application/json", **headers}
        try:
            async with self._client.stream("POST", ROUTE, content=body, headers=all_headers) as response:
                begun = True
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    self.raise_for(response)
                async for data in response.aiter_raw():
                    self.heard()
                    yield data
        except httpx.TransportError as error:
            self.failed()
            kind = EngineDied if begun else Refused
            raise kind(f"{self.url} was lost: {_reason(error)}") from error

    def generate_blocking(self, body: bytes, timeout_s: float) -> bytes:
        """Return the whole stream that `body` asks for; safe in any thread, so no failure is noted.

        Raises:
            TimeoutError: if it is not there in time.
            InvalidRequest: if the server can't honour the request.
            EngineError: if it can't be reached, or not be asked.
        """
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            response = httpx.post(
                f"{self.url}{ROUTE}", content=body, headers=headers, timeout=timeout_s, trust_env=False
            )
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.TransportError as error:
            raise EngineError(f"{self.url} can't be reached: {_reason(error)}") from error
        if response.status_code == httpx.codes.OK:
            return response.content
        if response.is_server_error:
            raise EngineError(f"{self.url} answers {response.status_code}: {_message_of(response)}")
        self.raise_for(response)

    def raise_for(self, response: httpx.Response) -> NoReturn:
        """Raise what a response to the route means that is no stream."""
        status, message = response.status_code, _message_of(response)
        match status:
            case 429:
                raise Refused(f"{self.url} is busy: {message}", retry_after=_seconds(response) or 1)
            case 503:
                self.failed(_seconds(response))
                raise Refused(f"{self.url} can't take requests now: {message}")
            case 401:
                raise EngineError(f"{self.url} wants an API key; set {KEY} to one of the server's")
            case 403:
                raise EngineError(f"{self.url} refuses {ROUTE}: {message}; start it with --enable-scale-out")
            case 404:
                raise EngineError(f"{self.url} has no {ROUTE}; it takes vLLM 0.30 or later with --enable-scale-out")
            case 400 | 422:
                raise InvalidRequest(f"the server of the model refuses this: {message}")
        if response.is_server_error:
            self.failed()
            raise EngineDied(f"{self.url} answers {status}: {message}")
        raise EngineError(f"{self.url} answers {status}: {message}; is it a vLLM server?")

    def heard(self) -> None:
        """Note that the server has said something just now."""
        self.heard_at = asyncio.get_running_loop().time()

    def failed(self, at_least_s: float = 0.0) -> None:
        """Note a failure; the server is asked nothing until it has recovered."""
        was_up = self.up
        self.breaker.failed(at_least_s)
        if was_up:
            self._on_failure(self)

    @contextmanager
    def listening(self, rank: int, limit: asyncio.Timeout) -> Iterator[Listening]:
        """Watch over a stream while it is read: its `limit` is due once it has been silent for too long."""
        stream = Listening(rank, limit)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    def look_for_stalls(self) -> None:
        """Break off what has been silent for too long. The server is suspected: it must think before it is used."""
        stalled = self._silence.stalled(asyncio.get_running_loop().time(), self._streams)
        for stream in stalled:
            stream.break_off()
        if stalled:
            self.hangs = True
            self.failed()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _message_of(response: httpx.Response) -> str:
    """Return what an error response says, in vLLM's form, in ours, or in any other."""
    try:
        said = response.json()
    except ValueError:
        return response.text[:200]
    error = said.get("error", said.get("detail", said)) if isinstance(said, dict) else said
    return str(error.get("message", error) if isinstance(error, dict) else error)


def _seconds(response: httpx.Response) -> int:
    """Return the seconds of a `Retry-After` header; 0 if there is none, or it is a date."""
    given = response.headers.get("retry-after", "")
    return int(given) if given.isascii() and given.isdigit() else 0


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
