"""How a process imports what others are forked out of it for."""

import atexit
import gc
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def preloaded() -> Iterator[None]:
    """Import in its block, and then what compares values as mathematics, without the collector, now or later."""
    # It would look through all of this again and again, and find no garbage.
    gc.disable()
    yield
    mathematics = importlib.import_module("anytime_server.values.mathematics")
    if mathematics.is_installed():
        mathematics.comparer()
    gc.collect()
    gc.freeze()
    gc.enable()
    # To take all of it down takes long.
    atexit.register(os._exit, 0)
