"""A scenario: the processes, the sessions and the faults of one run, as data that a file holds and a run replays."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "greedy", "seeded", "checkpoints", "background", "extended", "extended_running", "answer_now", "structured"
]
Reader = Literal["strict", "stalling", "sdk"]
FaultKind = Literal["kill_engine", "kill_server", "drain_server", "kill_redis", "stop_server"]


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The processes that serve.

    Attributes:
        servers: how many `anytime serve`.
        workers: how many `anytime worker` they share; with 0 each server has an engine of its own.
        redis: whether the servers share a store; without, there is one server.
        engine: of the workers, or of the servers where there are no workers.
        model: what is served.
        lease_s: seconds without a sign of life after which a server's sessions are others' to take.
    """

    servers: int = 1
    workers: int = 0
    redis: bool = False
    engine: Literal["transformers", "vllm"] = "transformers"
    model: str = "anytime-tiny"
    lease_s: float = 1.5


@dataclass(frozen=True, slots=True)
class Steer:
    """What a session's reader asks of it on the way.

    Attributes:
        action: the route.
        after: once so many thinking tokens were seen; None is once the run has ended.
        budget: of an extension: the whole of it, so that it can be asked for again.
    """

    action: Literal["extend", "answer_now"]
    after: int | None
    budget: int = 0


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session and its reader.

    Attributes:
        name: unlike all others'; its idempotency key.
        kind: what it is there for.
        body: of `POST /reason`.
        reader: `strict` is ours, over bare HTTP; `stalling` also stops reading for a while; `sdk` is the client's.
        steer: what is asked of it on the way.
        cuts: bytes of the response after which its first, second, ... connection is cut.
        begins: once readers have seen so many thinking tokens of all sessions together.
        unread_until: the thinking tokens of all sessions up to which nobody reads it; for `background`.
    """

    name: str
    kind: Kind
    body: Mapping[str, Any]
    reader: Reader = "strict"
    steer: Steer | None = None
    cuts: tuple[int, ...] = ()
    begins: int = 0
    unread_until: int = 0


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One fault, once readers have seen so many thinking tokens of all sessions together."""

    kind: FaultKind
    after: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run is made of. The same scenario gives the same sessions, cuts and faults."""

    seed: int
    fleet: FleetPlan
    sessions: tuple[SessionPlan, ...]
    faults: tuple[FaultPlan, ...] = field(default=())

    def to_json(self) -> str:
        """Return the scenario as text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Scenario":
        """Read a scenario that `to_json` wrote.

        Raises:
            TypeError, KeyError, ValueError: if it is something else.
        """
        raw = json.loads(text)
        return cls(
            seed=raw["seed"],
            fleet=FleetPlan(**raw["fleet"]),
            sessions=tuple(_session(session) for session in raw["sessions"]),
            faults=tuple(FaultPlan(**fault) for fault in raw["faults"]),
        )


def _session(raw: Mapping[str, Any]) -> SessionPlan:
    steer = Steer(**raw["steer"]) if raw["steer"] else None
    return SessionPlan(**{**raw, "steer": steer, "cuts": tuple(raw["cuts"])})
