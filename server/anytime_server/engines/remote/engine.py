"""The remote engine: several servers behind one contract."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from anytime_client.protocol import StructuredOutputs
from anytime_server.controller import Tokenizer
from anytime_server.engines.contract import Chunk, Engine, EngineLimits, EngineLoad, EngineRequest, Sampling
from anytime_server.engines.hub import folder_or_id
from anytime_server.engines.remote.body import body_of
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.placement import Seat
from anytime_server.engines.remote.reply import Reply
from anytime_server.engines.remote.servers import Servers
from anytime_server.engines.remote.silence import Listening
from anytime_server.engines.remote.upstream import Refused, Upstream
from anytime_server.engines.sampling_defaults import default_sampling, end_ids
from anytime_server.engines.structured import Accepted, field_of
from anytime_server.errors import EngineDied, EngineError, InvalidRequest, Overloaded

STRUCTURED_TIMEOUT_S = 30.0
"""How many grammars that a server has taken are remembered."""

Load = Callable[[str], tuple[Tokenizer, Sampling]]
Arrivals = asyncio.Queue["Chunk | asyncio.Task[None]"]


class RemoteEngine(Engine):
    """Serves with servers of the model that run elsewhere; only its tokenizer is loaded here.

    A request runs on one server. If that is lost, the request ends in EngineDied, and the next one goes to another.
    """

    name = "remote"
    recovery = "itself"

    def __init__(
        self, source: str, config: RemoteConfig, served_name: str | None = None, load: Load | None = None
    ) -> None:
        """Remember whom to ask; `start` does.

        Args:
            source: a Hub id or a local path of the model's tokenizer and generation config.
            config: the servers.
            served_name: the name to serve the model under; None takes `source`.
            load: loads the tokenizer and the model's own sampling; None does it from `source`.
        """
        self.model = served_name or source
        self._source = source
        self._load = load or load_files
        self._servers = Servers(config)
        self._lanes: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepted = Accepted()
        self._checks = itertools.count()

    async def start(self) -> None:
        """See `Engine.start`."""
        try:
            self.tokenizer, self.default_sampling = await asyncio.to_thread(self._load, self._source)
        except (ImportError, OSError, ValueError) as error:
            reason = str(error).strip().replace("\n", " ")
            raise EngineError(
                f"can't load the tokenizer of {self._source!r} (a Hub id or a path?): {reason}"
            ) from error
        descriptions = await self._servers.start(self.tokenizer)
        self.limits = EngineLimits(
            min(each.max_model_len for each in descriptions), max(each.block_size for each in descriptions)
        )
        plain = [each.plain_from for each in descriptions]
        self.plain_from = None if None in plain else max(each for each in plain if each is not None)
        self.unsupported = {name: text for each in descriptions for name, text in each.unsupported.items()}
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._loop = None
        await _cancelled(list(self._lanes))
        await self._servers.stop()

    def load(self) -> EngineLoad:
        """See `Engine.load`: requests of this process; what the servers do for others they don't tell."""
        return EngineLoad(self._servers.running, 0, 0.0)

    async def check_health(self) -> None:
        """See `Engine.check_health`."""
        self._running()
        await self._servers.check()

    async def alive(self) -> None:
        """See `Engine.alive`: at once while another server is up."""
        self._running()
        await self._servers.alive()

    def check_structured(self, wanted: StructuredOutputs) -> None:
        """See `Engine.check_structured`: a server is asked for a first token."""
        if self._accepted.knows(wanted):
            return
        self._running()
        self._try(wanted)
        self._accepted.add(wanted)

    def _try(self, wanted: StructuredOutputs) -> None:
        """Ask a server for a first token; in the caller's thread, which may be that of the event loop."""
        prompt = tuple(self.tokenizer.encode("{"))
        id = f"anytime-check-{next(self._checks)}"
        request = EngineRequest(id, prompt, max_tokens=1, structured=wanted, logprobs=False)
        seat = self._servers.placement.seat("")
        if seat is None:
            raise EngineError(f"no server of the model is up: {self._servers.names}")
        try:
            body = body_of(request, 0, self.tokenizer.eos_ids)
            said = seat.upstream.generate_blocking(body, STRUCTURED_TIMEOUT_S)
            Reply(request, 0, seat.upstream.url).feed(said)
        except TimeoutError as error:
            message = f"it takes more than {STRUCTURED_TIMEOUT_S:.0f} seconds to compile; simplify it"
            raise InvalidRequest(message, param=field_of(wanted)) from error
        except InvalidRequest as error:
            raise InvalidRequest(error.message, param=field_of(wanted)) from error

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise EngineError("the engine is not running")
        return self._loop

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """Run a lane per sample; a lane that is left before its last chunk drops its connection."""
        self._running()
        arrivals: Arrivals = asyncio.Queue()
        lanes = [self._lane(request, sample, arrivals) for sample in range(request.samples)]
        unfinished = set(range(request.samples))
        try:
            while unfinished:
                arrival = await arrivals.get()
                if isinstance(arrival, asyncio.Task):
                    _raise_end_of(arrival)
                    continue
                if arrival.finish_reason is not None:
                    unfinished.discard(arrival.sample)
                yield arrival
        finally:
            await _cancelled([lanes[sample] for sample in unfinished])

    def _lane(self, request: EngineRequest, sample: int, arrivals: Arrivals) -> "asyncio.Task[None]":
        """Start what reads one sample's stream into `arrivals`, and stands there itself when it has ended."""

        def ended(lane: asyncio.Task[None]) -> None:
            self._lanes.discard(lane)
            if not lane.cancelled():
                lane.exception()  # seen, whether or not anybody is still there to be told
            arrivals.put_nowait(lane)

        lane = asyncio.create_task(self._read(request, sample, arrivals))
        self._lanes.add(lane)
        lane.add_done_callback(ended)
        return lane

    async def _read(self, request: EngineRequest, sample: int, arrivals: Arrivals) -> None:
        """Read from the session's server, or from the next one that takes the request."""
        refusing: list[Upstream] = []
        refusal: Refused | None = None
        while (seat := self._servers.placement.seat(request.session_id, refusing)) is not None:
            body = body_of(request, sample, self.tokenizer.eos_ids, seat.upstream.draws_by_position)
            try:
                await _read_from(seat, request, sample, body, arrivals)
                return
            except Refused as error:
                refusing.append(seat.upstream)
                refusal = error
        if refusal is not None and refusal.retry_after is not None:
            raise Overloaded(str(refusal), retry_after=refusal.retry_after)
        raise EngineDied(f"no server takes the request: {refusal or self._servers.names}")


async def _read_from(seat: Seat, request: EngineRequest, sample: int, body: bytes, arrivals: Arrivals) -> None:
    """Read one stream to its end.

    Raises:
        Refused: if the server has not taken the request, or has said nothing to it.
        EngineDied: if the stream breaks off or falls silent.
    """
    upstream = seat.upstream
    try:
        async with asyncio.timeout(None) as limit:
            with upstream.listening(seat.rank, limit) as listening:
                await _read_while(listening, seat, request, sample, body, arrivals)
    except TimeoutError:
        if not listening.stalled:
            raise
        kind = EngineDied if listening.told else Refused
        raise kind(f"{upstream.url} has said nothing for too long (--stall-s): it hangs") from None


async def _read_while(
    listening: Listening, seat: Seat, request: EngineRequest, sample: int, body: bytes, arrivals: Arrivals
) -> None:
    upstream = seat.upstream
    reply = Reply(request, sample, upstream.url)
    headers = {"X-Session-ID": request.session_id, **seat.headers} if request.session_id else seat.headers
    async with aclosing(upstream.generate(body, headers)) as stream:
        with seat.taken():
            async for data in stream:
                listening.told += 1
                try:
                    chunk = reply.feed(data)
                except EngineDied:
                    upstream.failed()
                    raise
                if chunk is not None:
                    arrivals.put_nowait(chunk)
                if reply.ended:
                    break
            else:
                upstream.failed()
                raise EngineDied(f"{upstream.url} broke a stream off; its log says why")
        upstream.breaker.served()
        async for _ in stream:
            pass  # read to its end, a connection can be used again


def _raise_end_of(lane: "asyncio.Task[None]") -> None:
    """Raise what has ended a lane, if it was an error."""
    if lane.cancelled():
        raise EngineDied("the engine was stopped")
    lane.result()


async def _cancelled(lanes: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel lanes, and wait until their connections are dropped."""
    for lane in lanes:
        lane.cancel()
    await asyncio.gather(*lanes, return_exceptions=True)


def load_files(source: str) -> tuple[Tokenizer, Sampling]:
    """Load a model's tokenizer and its own sampling, and none of its weights."""
    from transformers import AutoConfig, GenerationConfig

    from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer

    name = folder_or_id(source)
    try:
        generation = GenerationConfig.from_pretrained(name)
    except OSError:
        generation = GenerationConfig.from_model_config(AutoConfig.from_pretrained(name))
    own = generation.to_diff_dict()
    return HFTokenizer(auto_tokenizer(name), end_ids(own)), default_sampling(own)
