"""Scenarios from a seed: kinds of sessions in turn, cuts of connections, faults spread over the run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaos_parts.scenario import FaultKind, FaultPlan, FleetPlan, Kind, Reader, Scenario, SessionPlan, Steer

KINDS: tuple[Kind, ...] = (
    "greedy",
    "seeded",
    "checkpoints",
    "background",
    "extended",
    "extended_running",
    "answer_now",
    "structured",
)
READERS: tuple[Reader, ...] = ("strict", "sdk", "strict", "stalling")
GRACE_MS = 120_000
FIRST_CUT_BYTES = 6_000
LAST_BEGINS = 0.6
"""Share of all thinking tokens at which the last session begins."""
FAULTS_BEGIN, FAULTS_END = 0.1, 0.75
"""Shares of all thinking tokens between which the faults lie: everybody has begun, and few have ended."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        sessions: how many.
        budget: thinking tokens of a session, before it is extended; must fit the model twice.
        engine_kills, server_kills, drains, redis_kills, stops: faults of each kind.
        cut_share: of the sessions, whose first connection is cut.
    """

    sessions: int
    budget: int
    engine_kills: int = 0
    server_kills: int = 0
    drains: int = 0
    redis_kills: int = 0
    stops: int = 0
    cut_share: float = 0.5


def generate(seed: int, fleet: FleetPlan, sizes: Sizes) -> Scenario:
    """Return the scenario of a seed."""
    rng = random.Random(seed)
    kinds = [kind for kind in KINDS if kind != "structured" or fleet.engine == "vllm"]
    cut = set(rng.sample(range(sizes.sessions), round(sizes.sessions * sizes.cut_share)))
    sessions = [_session(rng, index, kinds[index % len(kinds)], sizes, index in cut) for index in range(sizes.sessions)]
    tokens = sum(planned_tokens(each) for each in sessions)
    begun = tuple(replace(each, begins=_begins(place, tokens, sizes)) for place, each in enumerate(sessions))
    return Scenario(seed, fleet, begun, _faults(rng, sizes, tokens))


def planned_tokens(session: SessionPlan) -> int:
    """Return the thinking tokens that a session is sure to spend."""
    least: int = session.body["min_budget"]
    if session.steer and session.steer.action == "answer_now":
        return session.steer.after or least
    return least


def _begins(place: int, tokens: int, sizes: Sizes) -> int:
    """Return when the session at this place begins: half of them at once, the others while these run and end."""
    return round(max(0.0, 2 * place / sizes.sessions - 1) * LAST_BEGINS * tokens)


def _session(rng: random.Random, index: int, kind: Kind, sizes: Sizes, cut: bool) -> SessionPlan:
    reader = READERS[(index // 2) % len(READERS)]
    return SessionPlan(
        name=f"{index:03d}-{kind}",
        kind=kind,
        body=_body(rng, kind, sizes.budget),
        reader="strict" if kind in ("extended", "extended_running", "answer_now", "background") else reader,
        steer=_steer(kind, sizes.budget),
        cuts=(rng.randrange(1, FIRST_CUT_BYTES), rng.randrange(1, FIRST_CUT_BYTES)) if cut else (),
        unread_until=rng.randrange(1, sizes.budget * sizes.sessions // 2) if kind == "background" else 0,
    )


def _body(rng: random.Random, kind: Kind, budget: int) -> dict[str, Any]:
    """Return a request whose thinking is long: most can't end before the budget, some may from its middle on."""
    may_end = kind in ("greedy", "seeded") and rng.random() < 0.5
    body: dict[str, Any] = {
        "prompt": _question(rng),
        "budget": budget,
        "min_budget": budget // 2 if may_end else budget,
        "seed": rng.randrange(2**31),
        "temperature": 1.0 if kind in ("seeded", "checkpoints", "background") else rng.choice((0.0, 1.0)),
        "max_answer_tokens": 48,
        "checkpoints": _checkpoints(kind, budget),
    }
    if kind == "greedy":
        body["temperature"] = 0.0
    if kind == "structured":
        body |= {"temperature": 0.0, "structured_outputs": {"regex": "[0-9]{1,3}"}}
    if kind == "background":
        return {**body, "background": True}
    return {**body, "grace_ms": GRACE_MS}


def _checkpoints(kind: Kind, budget: int) -> list[int]:
    count = {"checkpoints": 8, "greedy": 2, "extended": 2}.get(kind, 0)
    return [budget * (index + 1) // (count + 1) for index in range(count)]


def _steer(kind: Kind, budget: int) -> Steer | None:
    match kind:
        case "extended":
            return Steer("extend", after=None, budget=budget * 3 // 2)
        case "extended_running":
            return Steer("extend", after=budget // 4, budget=budget * 3 // 2)
        case "answer_now":
            return Steer("answer_now", after=budget // 2)
    return None


def _question(rng: random.Random) -> str:
    terms = [f"{rng.randint(10, 99)}+{rng.randint(1, 99)}" for _ in range(rng.randint(4, 7))]
    return f"{rng.choice(('largest', 'smallest'))} of {', '.join(terms)}"


def _faults(rng: random.Random, sizes: Sizes, tokens: int) -> tuple[FaultPlan, ...]:
    kinds: Sequence[FaultKind] = (
        *["kill_engine"] * sizes.engine_kills,
        *["kill_server"] * sizes.server_kills,
        *["drain_server"] * sizes.drains,
        *["kill_redis"] * sizes.redis_kills,
        *["stop_server"] * sizes.stops,
    )
    order = _stops_first(rng.sample(kinds, len(kinds)))
    step = (FAULTS_END - FAULTS_BEGIN) / max(1, len(order))
    return tuple(FaultPlan(kind, round(tokens * (FAULTS_BEGIN + step * place))) for place, kind in enumerate(order))


def _stops_first(kinds: Sequence[FaultKind]) -> list[FaultKind]:
    """Let servers be stopped before any is killed: a killed one takes a while to be back for the next fault."""
    servers = sorted((kind for kind in kinds if kind.endswith("_server")), key=lambda kind: kind != "stop_server")
    rest = iter(servers)
    return [next(rest) if kind.endswith("_server") else kind for kind in kinds]
