"""Anytime on Ray Serve: `serve run anytime_server.ray_app:build model=... replicas=2`.

Each replica is the whole app over an engine of its own. Ray places them, starts dead ones anew, and its HAProxy spreads
requests over them; no request is routed by its session. This is the only module that imports Ray.
"""

import asyncio
import logging
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anytime_server.errors import AnytimeError, EngineError
from anytime_server.logs import LogFormat, configure
from anytime_server.ray_options import RayOptions, Scale, read
from anytime_server.reasoning.stores.choice import MEMORY
from anytime_server.serving import ServeOptions, app_from, server_settings

try:
    from ray import serve
    from ray.serve import Application
    from ray.serve.config import AutoscalingContext
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('Ray is not installed: pip install "anytime-reasoning[ray]"', name="ray") from error

if TYPE_CHECKING:
    from fastapi import FastAPI

    from anytime_server.reasoning import Reasoner

logger = logging.getLogger(__name__)

NOT_SHARED = (
    "up to %d replicas, and each keeps its sessions to itself: a client that resumes or extends a session finds "
    "it by chance, and a session ends with its replica; give store=redis://HOST:6379/0"
)

HAPROXY = "RAY_SERVE_ENABLE_HA_PROXY"

TARGET_PRESSURE = 0.7
"""What autoscaling keeps replicas at: room for a burst while another one starts."""

READERS_PER_SESSION = 16
"""Requests let into a replica per session slot; the app itself refuses sessions beyond its slots, with a 429."""

DEREGISTRATION_S = 30
"""Ray keeps a replica that is going down reachable for so long, until every proxy has forgotten it."""

MARGIN_S = 15
"""For the engine to stop."""

RECOVERY_S = 1
"""How long a health check waits for an engine that is being restarted, to see whether it was given up."""


class ReplicaHooks:
    """What Ray asks of a replica besides its requests; the app is `self.app` once it is there."""

    app: "FastAPI"

    @property
    def reasoner(self) -> "Reasoner":
        """Return the app's, which its start-up has made."""
        reasoner: Reasoner = self.app.state.reasoner
        return reasoner

    async def check_health(self) -> None:
        """Raise EngineError if the engine is down for good, and the replica is to be replaced.

        An engine that is being restarted is not: its sessions wait for it in this process.
        """
        engine = self.reasoner.engine
        try:
            await engine.check_health()
        except EngineError:
            try:
                await asyncio.wait_for(engine.alive(), RECOVERY_S)
            except TimeoutError:
                return
            await engine.check_health()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return how full the replica is."""
        return {"pressure": self.reasoner.pressure}


def wanted_replicas(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Return how many replicas would be at `TARGET_PRESSURE`, by the sum over those that have told theirs.

    Ray applies its bounds and delays to it. While none has told, the number stays.
    """
    told = (context.aggregated_metrics or {}).get("pressure")
    if not told:
        return context.target_num_replicas, {}
    return max(1, math.ceil(sum(told.values()) / TARGET_PRESSURE - 1e-9)), {}


def build(arguments: Mapping[str, object]) -> Application:
    """Return the application that these arguments describe, for `serve run` and for the import path of a Serve config.

    Raises:
        AnytimeError, ValueError: naming the argument and the remedy.
    """
    options = read(arguments)
    check_haproxy()
    server_settings(options.serve)
    if options.scale.most > 1 and options.serve.store == MEMORY:
        logger.warning(NOT_SHARED, options.scale.most)
    application: Application = _deployment(options).bind()
    return application


def check_haproxy() -> None:
    """Check that Ray's HAProxy carries the streams: its Python proxy falls seconds behind at some dozen of them.

    Raises:
        AnytimeError: if it is not switched on in this process.
    """
    if os.environ.get(HAPROXY) != "1":
        raise AnytimeError(
            f"{HAPROXY}=1 is not set here: set it before `ray start` on every node, and for `serve run`; Ray's other "
            "proxy delays streams by seconds"
        )


def _deployment(options: RayOptions) -> Any:
    """Return the class of replicas, with its place on the machines."""

    def app() -> "FastAPI":
        return replica_app(options.serve)

    scale, drain = options.scale, options.serve.drain
    return serve.deployment(
        name="Anytime",
        max_ongoing_requests=READERS_PER_SESSION * options.serve.max_sessions,
        ray_actor_options={"num_cpus": scale.num_cpus, "num_gpus": scale.num_gpus},
        graceful_shutdown_timeout_s=DEREGISTRATION_S + math.ceil(drain) + MARGIN_S,
        **_number_of_replicas(scale),
    )(serve.ingress(app)(ReplicaHooks))


def _number_of_replicas(scale: Scale) -> dict[str, Any]:
    if scale.min_replicas is None or scale.max_replicas is None:
        return {"num_replicas": scale.replicas or 1}
    return {
        "autoscaling_config": {
            "min_replicas": scale.min_replicas,
            "max_replicas": scale.max_replicas,
            "policy": {"policy_function": f"{__name__}:{wanted_replicas.__name__}"},
        }
    }


def replica_app(options: ServeOptions) -> "FastAPI":
    """Return the app of one replica, in its process; its API keys are those of the environment there.

    Raises:
        AnytimeError, ValueError: naming what to change.
    """
    check_haproxy()
    configure(LogFormat(options.log_format), options.log_level)
    return app_from(options, server_settings(options))
