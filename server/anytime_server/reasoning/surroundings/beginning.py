"""How a session begins, wherever it goes on."""

from dataclasses import dataclass

from anytime_server.reasoning.plans.plan import Plan


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a session before its first event.

    Attributes:
        id: of the session.
        plan: what was asked, made definite.
        at: when it began, in seconds of the wall clock; its deadline counts from there.
        key: the idempotency key that it was begun under.
        limit: the most that the load lets it think at first; None is no limit.
    """

    id: str
    plan: Plan
    at: float
    key: str | None = None
    limit: int | None = None
