"""A server that ends in two ways: it waits for what it has begun, or it is told a second time."""

import asyncio
import gc
import logging
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from contextvars import Context
from functools import partial
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from anytime_server.banner import Banner
from anytime_server.concise import Concise
from anytime_server.descriptors import DescriptorWatch
from anytime_server.http_protocol import BoundedHttpProtocol
from anytime_server.logs import fields
from anytime_server.reasoning import Reasoner

logger = logging.getLogger(__name__)

LINGER_S = 3.0
"""For clients that come back for the end of a session that ended while nobody read it."""

RESPONSE_S = 5
"""Sessions have ended; then their responses still have to be written."""

TICKS_PER_S = 10
"""Of uvicorn's main loop."""

if sys.platform != "win32":
    # While the server starts nothing is collected; an engine that is forked then must not inherit that.
    os.register_at_fork(after_in_child=gc.enable)


class DrainingServer(uvicorn.Server):
    """On the first SIGTERM or SIGINT refuses new sessions, and waits for those in flight; the second ends at once.

    Until they have ended it listens: they can be read, steered and polled, and probes see that it is going down. While
    the model is still loading, the first signal ends it.
    """

    def __init__(self, config: uvicorn.Config, drain_s: float, banner: Banner | None = None) -> None:
        """Serve, give sessions `drain_s` seconds at the end, and tell of the start with `banner`."""
        super().__init__(config)
        self._banner = banner
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None
        self._signalled = False
        self.lost = False
        """Whether it ends because the engine is lost."""
        self._descriptors = DescriptorWatch()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and take all that is there by then out of the garbage collector's rounds.

        An engine's modules are a million objects: looking through them holds up every stream for half a second, and
        again and again while they are imported takes a tenth of the start.
        """
        engine = getattr(self._app.state, "engine", None)
        if self._banner and engine:
            self._banner.loading(engine)
        gc.disable()
        try:
            await super().startup(sockets)
        finally:
            gc.enable()
        gc.collect()
        gc.freeze()
        if self._banner and engine and self.started:
            self._banner.ready(engine, self.config.host, self.servers[0].sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does, and look for a want of file descriptors, and whether the engine is lost."""
        if counter % TICKS_PER_S == 0:
            self._descriptors.look()
        reasoner = self._reasoner()
        if reasoner is not None and reasoner.engine.lost is not None and not self.lost:
            # Its sessions have failed. What can be done is done by whoever starts the process again.
            self.lost = True
            self._draining = asyncio.create_task(self._drain(reasoner, self._leave))
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or end at once."""
        reasoner = self._reasoner()
        if reasoner is None:
            end_at_once(sig, "stopped while the model was loading")
        if self._signalled:
            end_at_once(sig, "stopped by a second signal", sessions=reasoner.in_flight)
        self._signalled = True
        # A signal handler runs between any two steps of the loop, in the context of whatever runs there.
        asyncio.get_running_loop().call_soon_threadsafe(self._begin_to_drain, reasoner, sig, frame, context=Context())

    @property
    def _app(self) -> FastAPI:
        assert isinstance(self.config.app, Concise)
        return self.config.app.app

    def _reasoner(self) -> Reasoner | None:
        return getattr(self._app.state, "reasoner", None)

    def _begin_to_drain(self, reasoner: Reasoner, sig: int, frame: FrameType | None) -> None:
        self._draining = asyncio.create_task(self._drain(reasoner, partial(super().handle_exit, sig, frame)))

    def _leave(self) -> None:
        self.should_exit = True

    async def _drain(self, reasoner: Reasoner, leave: Callable[[], None]) -> None:
        """Wait for the sessions, and for who may fetch their end; then leave."""
        logger.info("draining", extra=fields(sessions=reasoner.in_flight, at_most_s=self._drain_s))
        try:
            await reasoner.drain(self._drain_s)
            await asyncio.sleep(max(0.0, LINGER_S - reasoner.unread_for_s))
        finally:
            leave()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and let responses be written; who does not take them is cut off, and logged as one number."""
        connections = [each for each in self.server_state.connections if isinstance(each, BoundedHttpProtocol)]
        late = asyncio.get_running_loop().call_later(RESPONSE_S, self._break_off_rest)
        await super().shutdown(sockets)
        late.cancel()
        if cut := sum(connection.cut_off for connection in connections):
            logger.warning("cut off clients that did not take their responses", extra=fields(connections=cut))

    def _break_off_rest(self) -> None:
        for connection in self.server_state.connections:
            if isinstance(connection, BoundedHttpProtocol):
                connection.break_off()


def end_at_once(sig: int, why: str, **more: object) -> NoReturn:
    """End the process and its children, in the middle of whatever it does, with one line that says `why`.

    No clean-up: what holds it up may be a thread that can't be interrupted.
    """
    Context().run(logger.warning, why, extra=fields(signal=sig, **more))
    abandon_process(128 + sig)


def abandon_process(code: int) -> NoReturn:
    """End the process and its children with the exit code, whatever its threads are doing."""
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    os._exit(code)
