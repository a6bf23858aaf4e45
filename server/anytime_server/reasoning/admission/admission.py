"""Whether a session may begin: slots, each client's share of them, what the load leaves, and deadlines to be kept."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from anytime_server.controller.fairness import Shares
from anytime_server.errors import AnytimeError, InvalidRequest, Overloaded
from anytime_server.reasoning.admission.load import LoadControl
from anytime_server.reasoning.admission.promises import check_promises
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.plans.planning import Planning
from anytime_server.reasoning.replicas.thinking_on import RETRY_AFTER_S
from anytime_server.reasoning.sessions.sessions import Sessions
from anytime_server.reasoning.surroundings.observer import Observer, Refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """Judges by what runs and what is being planned.

    Attributes:
        slots: sessions that may be in flight.
        weights: of the clients that share the slots; None is first come, first served.
        sessions: those that run.
        planning: those that are about to.
        load: moves budgets with the load; None grants all that fits, and promises no deadline.
        observer: told of refusals.
    """

    slots: int
    weights: Mapping[str, float] | None
    sessions: Sessions
    planning: Planning
    load: LoadControl | None
    observer: Observer

    @property
    def taken(self) -> int:
        """Slots in use, those of requests that are read among them."""
        return self.sessions.in_flight + self.planning.sessions

    def check_room(self, sessions: int = 1, client: str = "") -> None:
        """Check that so many sessions of a client find slots now.

        Raises:
            InvalidRequest: if they never will.
            Overloaded: if they don't now.
        """
        if sessions > self.slots:
            raise InvalidRequest(f"this server runs at most {self.slots} at once; lower n", param="n")
        if self.taken + sessions > self.slots:
            message = f"{self.taken} of {self.slots} session slots are taken; try again in a moment"
            raise self._refusal("slots", message)
        if self.weights is not None and not self._shares(self.weights).may_take(client, sessions):
            message = f"this API key has its share of the {self.slots} session slots; try again once some have ended"
            raise self._refusal("share", message)

    def granted(self, plan: Plan, sessions: int = 1) -> int | None:
        """Return the most that so many sessions of a plan may think, each; None if the load limits nothing.

        Raises:
            Overloaded: if the load leaves not even its floor, or if a deadline could not be kept.
        """
        if self.load is None:
            return None
        limit = self.load.first_limit(plan)
        self._counted("load", self.load.check)
        self._counted(
            "deadline",
            lambda: check_promises(plan, self.sessions.archive.running, self.sessions.speed, sessions, limit),
        )
        return limit

    def _shares(self, weights: Mapping[str, float]) -> Shares:
        held = Counter(session.plan.client for session in self.sessions.archive.running)
        return Shares(self.slots, weights, held=held + self.planning.clients)

    def _counted(self, reason: Refusal, check: Callable[[], None]) -> None:
        try:
            check()
        except AnytimeError:
            self.observer.refused(reason)
            raise

    def _refusal(self, reason: Refusal, message: str) -> Overloaded:
        self.observer.refused(reason)
        return Overloaded(message, retry_after=RETRY_AFTER_S)
