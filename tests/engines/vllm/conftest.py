"""vLLM's tests share the one engine of the invariants."""

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("vllm") is not None else ["test_*.py"]


def pytest_collection_modifyitems(items):
    for item in items:
        if "vllm_engine" in item.fixturenames:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_model(vllm_model):
    return vllm_model


@pytest.fixture(scope="session")
def engine(vllm_engine):
    return vllm_engine
