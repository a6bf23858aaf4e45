"""What Ray is told of a replica, without starting Ray."""

import asyncio
from types import SimpleNamespace

import pytest

from anytime_server.errors import AnytimeError, EngineError
from anytime_server.ray_app import HAPROXY, ReplicaHooks, build, wanted_replicas
from fakes import FakeEngine, scripted


@pytest.fixture
def haproxy(monkeypatch):
    monkeypatch.setenv(HAPROXY, "1")
    monkeypatch.delenv("ANYTIME_API_KEYS", raising=False)


def deployment_of(**arguments):
    application = build({"allow_unauthenticated": "true", **arguments})
    return application._bound_deployment


def test_streams_are_not_left_to_the_slow_proxy(monkeypatch):
    monkeypatch.delenv(HAPROXY, raising=False)
    with pytest.raises(AnytimeError, match="before `ray start` on every node"):
        build({"model": "anytime-tiny"})


def test_replicas_that_others_reach_want_keys(haproxy):
    with pytest.raises(ValueError, match="ANYTIME_API_KEYS"):
        build({"model": "anytime-tiny"})


def test_a_fixed_number_of_replicas(haproxy):
    deployment = deployment_of(replicas="3", num_gpus="2", drain="10", max_sessions="8")
    assert deployment.num_replicas == 3
    assert deployment.ray_actor_options["num_gpus"] == 2
    assert deployment.max_ongoing_requests > 8
    assert deployment._deployment_config.graceful_shutdown_timeout_s > 30 + 10


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        ({"replicas": "3"}, True),
        ({"min_replicas": "1", "max_replicas": "3"}, True),
        ({"replicas": "3", "store": "redis://localhost:6379/0"}, False),
        ({}, False),
    ],
)
def test_replicas_that_share_no_sessions_are_warned_of(haproxy, caplog, arguments, warned):
    deployment_of(**arguments)
    told = [record.getMessage() for record in caplog.records if record.name == "anytime_server.ray_app"]
    assert len(told) == warned
    assert all("up to 3 replicas" in text and "store=redis://" in text for text in told)


def test_the_load_decides_between_bounds(haproxy):
    config = deployment_of(min_replicas="2", max_replicas="5")._deployment_config.autoscaling_config
    assert (config.min_replicas, config.max_replicas) == (2, 5)
    assert config.policy.get_policy().__name__ == wanted_replicas.__name__


@pytest.mark.parametrize(
    ("told", "replicas"),
    [
        ([0.7], 1),
        ([1.0], 2),
        ([1.0, 1.0], 3),
        ([0.7, 0.7, 0.7], 3),
        ([0.1, 0.1, 0.1], 1),
        ([0.0, 0.0], 1),
    ],
)
def test_as_many_replicas_as_bring_them_to_the_target(told, replicas):
    context = SimpleNamespace(aggregated_metrics={"pressure": dict(enumerate(told))}, target_num_replicas=9)
    assert wanted_replicas(context) == (replicas, {})


@pytest.mark.parametrize("metrics", [None, {}, {"pressure": {}}])
def test_the_number_stays_while_no_replica_has_told_its_load(metrics):
    assert wanted_replicas(SimpleNamespace(aggregated_metrics=metrics, target_num_replicas=4)) == (4, {})


def replica(engine, pressure=0.5):
    hooks = ReplicaHooks()
    hooks.app = SimpleNamespace(state=SimpleNamespace(reasoner=SimpleNamespace(engine=engine, pressure=pressure)))
    return hooks


async def test_a_replica_tells_its_pressure():
    assert await replica(None, pressure=0.25).record_autoscaling_stats() == {"pressure": 0.25}


class Restarting(FakeEngine):
    """An engine that was lost, and whose restart takes until `back` is set; None never comes back."""

    def __init__(self, back: asyncio.Event | None) -> None:
        super().__init__(scripted("", ""))
        self.dead = True
        self.back = back

    async def alive(self) -> None:
        if self.back is None:
            raise EngineError("the engine was restarted 5 times")
        await self.back.wait()
        self.dead = False


async def test_a_replica_is_healthy_while_its_engine_is_restarted(monkeypatch):
    monkeypatch.setattr("anytime_server.ray_app.RECOVERY_S", 0.01)
    engine = Restarting(asyncio.Event())
    await replica(engine).check_health()
    assert engine.dead
    engine.back.set()
    await replica(engine).check_health()
    assert not engine.dead


async def test_a_replica_whose_engine_was_given_up_is_replaced():
    with pytest.raises(EngineError, match="restarted 5 times"):
        await replica(Restarting(back=None)).check_health()


async def test_a_replica_whose_engine_nobody_restarts_is_replaced():
    engine = FakeEngine(scripted("", ""))
    await replica(engine).check_health()
    await engine.stop()
    with pytest.raises(EngineError):
        await replica(engine).check_health()
