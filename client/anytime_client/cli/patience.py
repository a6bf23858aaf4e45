"""How long a command waits for a server, and how soon a person hears that it does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

TIMEOUT = httpx.Timeout(45.0, connect=2.0)
"""A person at a terminal is told soon that nobody is there. Who is there may take its time to begin a session."""
LISTING_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
"""For what a server has at hand."""
FAREWELL_S = 0.5
"""For a cancel that nobody waits for: it has been sent by then."""
QUIET_S = 3.0
"""Seconds without an answer after which a person is told."""


@contextmanager
def silence_told(tell: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Call `tell` if the block takes long, unless the function that it is given was called before: at the answer."""
    timer = asyncio.get_running_loop().call_later(QUIET_S, tell)
    try:
        yield timer.cancel
    finally:
        timer.cancel()
