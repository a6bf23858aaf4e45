"""Imported by the process that workers are forked out of, before the first: what compares values as mathematics."""

import atexit
import gc
import importlib
import os

# It would look through all of this again and again, and find no garbage.
gc.disable()
importlib.import_module("worker_forks")
mathematics = importlib.import_module("anytime_server.values.mathematics")
if mathematics.is_installed():
    mathematics.comparer()
gc.collect()
gc.freeze()
gc.enable()
# To take all of it down takes long.
atexit.register(os._exit, 0)
