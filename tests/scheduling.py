"""How the processes of `pytest -n` share the tests: by files, long ones first."""

from collections.abc import Sequence
from itertools import groupby

import pytest
from xdist.scheduler import LoadScopeScheduling

VLLM = "tests/engines/vllm/"
SHARE_VLLM = (
    "tests/engines/test_invariants.py",
    "tests/engines/remote/test_vllm_server.py",
    "tests/training/brpo/test_trainer_vllm.py",
)
"""They share its engine, or what forks its processes."""

LONGEST = (
    VLLM,
    "tests/scaling/test_ray_cluster.py",
    "tests/browser/test_keeping.py",
    "tests/chaos/test_fleet.py",
    "tests/browser/test_flow.py",
    "tests/e2e/test_commands.py",
    "tests/reasoning/redis/test_end_to_end.py",
    "tests/engines/test_transformers_faults.py",
    "tests/api/test_openapi.py",
    "tests/browser/test_access.py",
    "tests/browser/test_errors.py",
    "tests/client/cli/test_ask.py",
    "tests/training/brpo/test_trainer_updates.py",
    "tests/training/trees/test_batch.py",
    "tests/browser/test_embedded.py",
    "tests/training/runs/test_resume.py",
    "tests/training/brpo/test_trainer_distributed.py",
    "tests/e2e/test_serve.py",
)
"""The units that take longest, from the longest on: what is short is to be the last, so that processes end together."""


def unit(nodeid: str) -> str:
    """Return what runs in one process: a file, or all files that share an engine and the imports of vLLM, both slow."""
    file = nodeid.partition("::")[0]
    return VLLM if file in SHARE_VLLM or file.startswith(VLLM) else file


def long_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Sort units: those known to be long, then others by how many slow tests they have."""
    units = [list(tests) for _, tests in groupby(sorted(items, key=_unit), key=_unit)]
    return [item for tests in sorted(units, key=_place) for item in tests]


def _unit(item: pytest.Item) -> str:
    return unit(item.nodeid)


def _place(tests: Sequence[pytest.Item]) -> tuple[int, int]:
    name = _unit(tests[0])
    slow = sum(item.get_closest_marker("slow") is not None for item in tests)
    return LONGEST.index(name) if name in LONGEST else len(LONGEST), -slow


class Scheduler(LoadScopeScheduling):
    """Gives a process one unit after the other, in the order in which they were collected."""

    def schedule(self) -> None:
        """Share the tests."""
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
