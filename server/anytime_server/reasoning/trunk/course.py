"""The course of a session: how far its thinking may go, what has been decided to end it, and why it ended."""

from typing import Any

from anytime_client.protocol import Budget
from anytime_server.controller import BudgetPolicy, Ending, StopReason
from anytime_server.errors import Conflict
from anytime_server.reasoning.plans.plan import Plan

LEAVES = {
    "request": "max_completion_tokens of the request leaves",
    "context": "the context leaves",
    "server": "the largest budget of this server leaves",
}
"""What is said of each bound of the thinking where it is in the way."""


class Course:
    """Decisions about the thinking; `changed` tells the running leg that it goes by outdated ones."""

    def __init__(self, plan: Plan, landing: int, limit: int | None = None) -> None:
        """Begin as the plan says, with a landing window of so many tokens, and no more granted than `limit`."""
        self._plan = plan
        self._landing = landing
        self._requested = plan.requested
        self._close_now: StopReason | None = None
        self._think_past = 0
        self._limit = limit
        self._most = plan.largest_grant
        self.granted = self.within_limit(0)
        self.stop_reason: StopReason | None = None
        self.changed = False

    @property
    def wanted(self) -> int:
        """Thinking tokens that would be granted on an idle server."""
        return min(self._requested, self._most)

    @property
    def closing(self) -> bool:
        """Whether the thinking is to be closed where it stands."""
        return self._close_now is not None

    @property
    def reason(self) -> StopReason | None:
        """Why the thinking has ended, or is to be closed; None while it goes on."""
        return self.stop_reason or self._close_now

    def standing(self) -> list[Any]:
        """Return, as JSON, what has been decided."""
        decided = [self._requested, self.granted, self._close_now, self._think_past, self.stop_reason, self.changed]
        return [*decided, self._limit, self._most]

    def restore(self, standing: list[Any]) -> None:
        """Decide as `standing` says."""
        self._requested, self.granted, close_now, self._think_past, stop_reason, self.changed, *bounds = standing
        self._limit, self._most = bounds
        self._close_now = None if close_now is None else StopReason(close_now)
        self.stop_reason = None if stop_reason is None else StopReason(stop_reason)

    def policy(self, budget: int, min_budget: int) -> BudgetPolicy:
        """Return the policy of a leg that may think so much in all."""
        return BudgetPolicy(
            budget=budget,
            min_budget=min_budget,
            landing=self._landing,
            short_answer=self._plan.request.answer == "short",
            sentence_end_ids=self._plan.sentence_end_ids,
        )

    def begin_leg(self, spent: int) -> BudgetPolicy:
        """Return the policy of a leg that begins after `spent` thinking tokens, and so goes by the latest decisions."""
        self.changed = False
        self.granted = self.within_limit(spent)
        budget = spent if self.closing else self.granted
        return self.policy(budget, min(budget, max(self._plan.request.min_budget, self._think_past)))

    def close(self, reason: StopReason) -> None:
        """Decide to close the thinking at the next token; nothing to do once it has ended or is being closed."""
        if self.stop_reason is None and not self.closing:
            self._close_now = reason
            self.changed = True

    def close_where_it_stands(self) -> None:
        """Decide to close thinking that has ended, for the reason that it has ended for: another answer is to follow.

        It was not closed, or what followed its closing does not count.
        """
        self._close_now, self.stop_reason = self.reason, None
        self.changed = True

    def stop(self, reason: StopReason) -> None:
        """Note that the thinking ends where it stands, and is not closed for now."""
        self.stop_reason = self.reason or reason

    def limit(self, tokens: int) -> bool:
        """Decide to grant no more than `tokens` because of the load, or more again; return whether that is news.

        A leg goes by it from the next one on: what is spent by then is closed there. Thinking that has ended, or is
        being closed, stays as it is.
        """
        limit = tokens if tokens < self.wanted else None
        if self.stop_reason is not None or self.closing or limit == self._limit:
            return False
        self._limit = limit
        self.changed = True
        return True

    def within_limit(self, taken: int) -> int:
        """Return the grant under the load's present limit: never below what is `taken` already, or must be spent."""
        if self._limit is None:
            return self.wanted
        return min(self.wanted, max(self._limit, taken, self._think_past))

    def run_out_of_time(self) -> None:
        """Note that the run ends for its deadline, unless its thinking has ended for another reason."""
        self.stop_reason = self.stop_reason or StopReason.DEADLINE

    def fit(self, tokens: int) -> None:
        """Grant no more than `tokens`: more does not fit the trunks that think on."""
        self._most = min(self._most, tokens)
        self.granted = self.wanted

    def ended_sequence(self) -> None:
        """Note that the model ended the sequence inside its thinking: it remains to be closed and answered."""
        self._close_now = StopReason.NATURAL

    def ended(self, ending: Ending | None) -> None:
        """Note that the thinking has ended in the engine."""
        cut = StopReason.LOAD if self.granted < self.wanted else StopReason.BUDGET
        self.stop_reason = self._close_now or (StopReason.NATURAL if ending is Ending.NATURAL else cut)

    def lost_the_end(self) -> None:
        """Note that the leg was lost before its answer began: the thinking has to end again."""
        self.stop_reason = None

    def check_raise(self, budget: int, spent: int, *, interrupted: bool, more: bool = False) -> bool:
        """Return whether granting `budget` would change anything: not if it was asked for before, and is spent.

        One that was asked for as so many tokens `more` always does, whatever budgets were asked for before.
        Thinking that has ended early (by itself, by a rule, by `answer_now`) goes on into what is left of its grant.
        So does that of an `interrupted` session, and of one from which the load has kept a part.

        Raises:
            Conflict: if the budget would shrink, or the context has no room for more.
        """
        interrupted = interrupted or self.stop_reason is StopReason.LOAD
        over = interrupted or self.stop_reason is not None
        taken, granted = (spent, self.granted) if over else (self.wanted, self.wanted)
        asked_before = budget in (self._requested, self.wanted) and not more
        if asked_before and not interrupted and self.wanted <= taken:
            return False
        lowest = taken if interrupted else taken + 1
        if budget < (least := lowest if more else max(lowest, granted)):
            raise Conflict(f"{granted} thinking tokens are granted already: ask for {least} at least", param="budget")
        if self._plan.largest_grant < lowest:
            raise Conflict(f"{LEAVES[self._plan.bound]} no room to think beyond {taken} tokens", param="budget")
        return True

    def raise_to(self, budget: int, spent: int, *, think_on: bool = False) -> None:
        """Grant `budget` as far as it fits.

        Thinking that ended by itself, or that is to `think_on`, must go on for a token at least.
        """
        if think_on or self.stop_reason is StopReason.NATURAL:
            self._think_past = spent + 1
        self._requested = budget
        self._limit, self._most = None, self._plan.largest_grant
        self.granted = self.wanted
        self._close_now = self.stop_reason = None
        self.changed = True

    def budget(self, spent: int) -> Budget:
        """Return the budget as documents and events show it."""
        limit = "load" if self.granted < self.wanted else self._plan.bound if self.wanted < self._requested else None
        return Budget(requested=self._requested, granted=self.granted, spent=spent, limited_by=limit)
