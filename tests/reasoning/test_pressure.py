import pytest

from anytime_server.engines import EngineLoad
from anytime_server.reasoning.admission.pressure import pressure


@pytest.mark.parametrize(
    ("taken", "load", "expected"),
    [
        (0, EngineLoad(running=0, waiting=0, kv_in_use=0.0), 0.0),
        (2, EngineLoad(running=2, waiting=0, kv_in_use=0.1), 0.25),
        (2, EngineLoad(running=2, waiting=0, kv_in_use=0.9), 0.9),
        (1, EngineLoad(running=1, waiting=1, kv_in_use=0.1), 1.0),
        (8, EngineLoad(running=8, waiting=0, kv_in_use=0.1), 1.0),
        (9, EngineLoad(running=9, waiting=0, kv_in_use=0.1), 1.0),
    ],
)
def test_the_scarcest_counts(taken, load, expected):
    assert pressure(taken, 8, load) == expected
