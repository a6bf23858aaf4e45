"""The workers of a `WorkerPool`, forked: one import of sympy and math-verify serves all pools of the tests."""

from forkservers import ForkedProcess


class Worker(ForkedProcess):
    """A worker that knows how values are compared."""

    imported = "workers_imported"
