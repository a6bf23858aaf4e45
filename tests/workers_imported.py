"""Imported by the process that workers are forked out of, before the first: what compares values as mathematics."""

import importlib

from preloading import preloaded

with preloaded():
    importlib.import_module("worker_forks")
