"""A session: what was asked, the run that answers it, the log of it all, and what others ask of it meanwhile.

Its tokens are a `Generation`'s affair, or a `Panel`'s. The session runs it, turns the outcome of a run into the
terminal event, and opens again for a next run when an ended one is extended. Where its log is stored, another process
can restore it.
"""

from collections.abc import Mapping
from typing import Any

from anytime_client.protocol import BudgetChanged, Event, ReasonCreated, TerminalEvent
from anytime_server.controller import StopReason
from anytime_server.errors import Conflict
from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.sessions.extension import Extension
from anytime_server.reasoning.sessions.runs import Runs
from anytime_server.reasoning.surroundings.beginning import Beginning
from anytime_server.reasoning.surroundings.surroundings import Surroundings


class Session(Runs):
    """The life of one request. All methods are called on one event loop; none blocks.

    Attributes:
        extensions: that came under a key, by their keys.
    """

    def __init__(self, beginning: Beginning, around: Surroundings, log: EventLog) -> None:
        """Prepare the session; `start` runs it. A log with entries restores it.

        Raises:
            ValueError: if the log tells another session than its steps lead to.
        """
        super().__init__(beginning, around, log)
        self.extensions: dict[str, Extension] = {}
        if len(log):
            self._restore()
        else:
            due = self._generation.due
            self._tell(ReasonCreated, id=self.id, model=self._model, budget=self._budget(), checkpoints=due)

    def answer_now(self) -> None:
        """Close the thinking at the next token. Once the thinking has ended there is nothing to do."""
        if self.status == "running":
            self._generation.close(StopReason.ANSWER_NOW)

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; told once the running leg has ended."""
        if self.status == "running":
            self._generation.limit(tokens)

    def raise_budget(self, budget: int, *, more: bool = False, asked: Extension | None = None) -> None:
        """Grant `budget` thinking tokens, as far as the context allows.

        One that was asked for as so many `more` is no repetition of an earlier one, and makes an ended session think at
        least one token more. What was `asked` under an idempotency key is remembered with the change.

        A running session thinks on, from its answer too. An ended one is prepared for the next `start`.

        Raises:
            Conflict: if the budget is below the present one, or the context has no room for more.
        """
        if not self.would_raise(budget, more=more):
            return
        ended = self.has_ended
        if ended:
            self._reopen()
        self._generation.raise_to(budget, think_on=more and ended)
        note = None
        if asked is not None:
            self.extensions[asked.key] = asked
            note = {"extended": [asked.key, asked.budget, asked.relative]}
        self._tell(BudgetChanged, note=note, budget=self._budget(), checkpoints=self._generation.due)

    def would_raise(self, budget: int, *, more: bool = False) -> bool:
        """Return whether `raise_budget` would change anything.

        Raises:
            Conflict: as `raise_budget` does, while the session is being cancelled, and while it answers because its
                deadline has passed.
        """
        self._settle_if_done()
        if self._common.deadline.passed:
            raise Conflict("the deadline has passed; extend the session once it has ended")
        if self._run is not None and not self.has_ended and self._run.cancelling():
            raise Conflict("the session is being cancelled; extend it once it has ended")
        interrupted = self.status in ("cancelled", "failed")
        spent = self._generation.spent
        return self._generation.course.check_raise(budget, spent=spent, interrupted=interrupted, more=more)

    def raised_by(self, tokens: int) -> int:
        """Return the budget that is `tokens` more: than the grant, or than was spent once the session has ended.

        What the load keeps from a session that runs counts as granted: it may be given back.
        """
        self._settle_if_done()
        return tokens + (self._generation.spent if self.has_ended else self._generation.course.wanted)

    # --- what a store has kept ----------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Be what the log tells.

        Raises:
            ValueError: if its steps lead elsewhere.
        """
        for event, account in self._record.told():
            self._take_in(event, account)
            self._generation.account.restore(event, account)
        self.runs += not self.log.closed

    def _take_in(self, event: Event, account: Mapping[str, Any]) -> None:
        self._told_at = account["at"]
        if isinstance(event, BudgetChanged) and self.log.closed:
            self._reopen()
        if isinstance(event, TerminalEvent):
            self.log.closed, self.runs = True, self.runs + 1
            self.status, self._error = event.document.status, event.document.error
            self._end_run()
        if "extended" in account:
            asked = Extension(*account["extended"])
            self.extensions[asked.key] = asked
