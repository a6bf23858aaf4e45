"""How the processes of `pytest -n` share the tests: by files, slow ones first."""

from collections.abc import Sequence
from itertools import groupby

import pytest
from xdist.scheduler import LoadScopeScheduling

VLLM = "tests/engines/vllm/"
SAME_ENGINE = "tests/engines/test_invariants.py"
OWN_ENGINE = f"{VLLM}test_lifecycle.py"


def unit(nodeid: str) -> str:
    """Return what runs in one process: a file, or all files that share the engine of vLLM, which starts slowly."""
    file = nodeid.partition("::")[0]
    shares = file == SAME_ENGINE or (file.startswith(VLLM) and file != OWN_ENGINE)
    return VLLM if shares else file


def slow_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Sort units by how many slow tests they have: a short one is to be the last, so that processes end together."""
    units = [list(tests) for _, tests in groupby(sorted(items, key=_unit), key=_unit)]
    return [item for tests in sorted(units, key=_slow, reverse=True) for item in tests]


def _unit(item: pytest.Item) -> str:
    return unit(item.nodeid)


def _slow(tests: Sequence[pytest.Item]) -> int:
    return sum(item.get_closest_marker("slow") is not None for item in tests)


class Scheduler(LoadScopeScheduling):
    """Gives a process one unit after the other, in the order in which they were collected."""

    def schedule(self) -> None:
        """Share the tests."""
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
