"""The servers of the remote engine: which are up, and how those that are not come back."""

import asyncio
import logging
from collections.abc import Iterable

from anytime_server.controller import Tokenizer
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.inspection import Description, inspect
from anytime_server.engines.remote.placement import Placement
from anytime_server.engines.remote.upstream import Refused, Upstream
from anytime_server.engines.supervision.stalls import look_every_s
from anytime_server.errors import AnytimeError, EngineDied, EngineError
from anytime_server.logs import fields

logger = logging.getLogger(__name__)

RETRY_S = 1.0
OTHERS_S = 5.0
"""How long the other servers get at the start once one is there."""

FRESH_S = 2.0
"""A server that has said something so lately is up."""

HEALTH_TIMEOUT_S = 5.0

DRAWS_UNKNOWN = (
    "the server is too busy to show whether it draws by position, so seeded sessions draw as they did there before, or "
    "anew in each request; --engine-arg draws_by_position=true (GPUs) or =false (CPUs) settles it"
)


class Servers:
    """Inspects servers before they are used: at the start, and each time that one comes back."""

    def __init__(self, config: RemoteConfig) -> None:
        """Connect to nothing yet."""
        self._config = config
        self._all = [Upstream(url, config, self._lost) for url in config.urls]
        self._tokenizer: Tokenizer | None = None
        self._known: list[Description] = []
        self._refusals: dict[str, str] = {}
        self._revivals: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._back = asyncio.Event()
        self.placement = Placement(self._all)

    @property
    def running(self) -> int:
        """Our requests that run on them."""
        return sum(sum(upstream.running) for upstream in self._all)

    @property
    def names(self) -> str:
        """All of them, for messages."""
        return ", ".join(self._config.urls)

    async def start(self, tokenizer: Tokenizer) -> list[Description]:
        """Wait until one is ready, and a little longer for the others; return what they say of themselves.

        Raises:
            EngineError: if none is there in time, one can't be used, or they don't serve the same.
        """
        self._tokenizer = tokenizer
        joining = {asyncio.create_task(self._join(upstream)): upstream for upstream in self._all}
        try:
            ready, waiting = await asyncio.wait(
                joining, timeout=self._config.start_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not ready:
                raise EngineError(f"{'; '.join(self._refusals.values())}; start the server, or correct --engine-url")
            for join in ready:
                join.result()
            if waiting:
                await asyncio.wait(waiting, timeout=OTHERS_S)
            self._known = [join.result() for join in joining if join.done()]
            check_same(self._known)
        finally:
            for join in joining:
                join.cancel()
            await asyncio.gather(*joining, return_exceptions=True)
        for join, upstream in joining.items():
            if join.cancelled():
                upstream.failed()
        self._watching = asyncio.create_task(self._watch())
        return self._known

    async def stop(self) -> None:
        """Close all connections."""
        tasks = [*self._revivals, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(upstream.close() for upstream in self._all))

    async def alive(self) -> None:
        """Wait until one is up.

        Raises:
            EngineError: if none is within `give_up_s`.
        """
        try:
            async with asyncio.timeout(self._config.give_up_s):
                while not self._any_up:
                    self._back.clear()
                    await self._back.wait()
        except TimeoutError:
            raise EngineError(f"no server has come back in {self._config.give_up_s:.0f} s: {self.names}") from None

    async def check(self) -> None:
        """Ask those that have been silent for a while how they are.

        Raises:
            EngineError: if none is up.
        """
        now = asyncio.get_running_loop().time()
        silent = [upstream for upstream in self._all if upstream.up and now - upstream.heard_at > FRESH_S]
        await asyncio.gather(*(self._look(upstream) for upstream in silent))
        if not self._any_up:
            raise EngineError(f"no server of the model is up: {self.names}")

    @property
    def _any_up(self) -> bool:
        return any(upstream.up for upstream in self._all)

    async def _watch(self) -> None:
        """Look for streams that have stalled, for ever."""
        while True:
            await asyncio.sleep(look_every_s(self._config.stall_s))
            for upstream in self._all:
                upstream.look_for_stalls()

    async def _look(self, upstream: Upstream) -> None:
        try:
            await upstream.ask("GET", "/health", timeout_s=HEALTH_TIMEOUT_S)
        except Refused:
            upstream.failed()

    async def _join(self, upstream: Upstream) -> Description:
        """Wait until a server is ready, and inspect it."""
        while True:
            try:
                return await self._inspect(upstream)
            except EngineDied as error:
                self._refusals[upstream.url] = str(error)
                await asyncio.sleep(RETRY_S)

    async def _inspect(self, upstream: Upstream) -> Description:
        assert self._tokenizer is not None
        description = await inspect(upstream, self._config, self._tokenizer)
        upstream.has_ranks(description.ranks)
        if description.draws_by_position is None:
            logger.warning(DRAWS_UNKNOWN, extra=fields(url=upstream.url))
        else:
            upstream.draws_by_position = description.draws_by_position
        upstream.hangs = False
        return description

    def _lost(self, upstream: Upstream) -> None:
        logger.warning("server lost", extra=fields(url=upstream.url))
        revival = asyncio.create_task(self._revive(upstream))
        self._revivals.add(revival)
        revival.add_done_callback(self._revivals.discard)

    async def _revive(self, upstream: Upstream) -> None:
        """Probe a server until it can be used again; it may have been started anew, with another model."""
        breaker, reason = upstream.breaker, ""
        while not upstream.up:
            while breaker.remaining_s:
                await asyncio.sleep(breaker.remaining_s)
            breaker.probe()
            try:
                description = await self._inspect(upstream)
                check_same([*self._known, description], joins=True)
            except AnytimeError as error:
                breaker.failed()
                if str(error) != reason:
                    reason = str(error)
                    logger.warning("server still lost", extra=fields(url=upstream.url, reason=reason))
            else:
                breaker.recovered()
        logger.info("server is back", extra=fields(url=upstream.url))
        self._back.set()


def check_same(descriptions: Iterable[Description], *, joins: bool = False) -> None:
    """Check that servers can stand in for each other; the last one `joins` those that are known.

    Raises:
        EngineError: if they can't.
    """
    known = list(descriptions)
    names = sorted({description.model for description in known})
    if len(names) > 1:
        raise EngineError(f"the servers serve different models: {', '.join(names)}; give each its own Anytime server")
    if joins and known[:-1] and known[-1].max_model_len < min(one.max_model_len for one in known[:-1]):
        raise EngineError("the server has less context than the others had; start it with their --max-model-len")
