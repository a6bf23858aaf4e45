"""A session: what was asked, the run that answers it, the log of it all, and what others ask of it meanwhile.

Its tokens are a `Generation`'s affair. The session runs it, turns the outcome of a run into the terminal event, and
opens again for a next run when an ended one is extended. Where its log is stored, another process can restore it.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from anytime_client.protocol import (
    BudgetChanged,
    Event,
    ReasonCreated,
    ReasonDocument,
    TerminalEvent,
    Usage,
)
from anytime_server.controller import StopReason
from anytime_server.errors import Conflict
from anytime_server.reasoning.abandonment import Abandonment
from anytime_server.reasoning.audience import Audience
from anytime_server.reasoning.common import Common
from anytime_server.reasoning.events import TERMINAL_EVENTS, EventLog
from anytime_server.reasoning.extension import Extension
from anytime_server.reasoning.failures import describe_failure
from anytime_server.reasoning.generation import Generation
from anytime_server.reasoning.panel import Panel
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.session_view import SessionView
from anytime_server.reasoning.stored.record import Record
from anytime_server.reasoning.stored.told import document_of
from anytime_server.reasoning.surroundings import Surroundings
from anytime_server.reasoning.tally import difference

TAKEOVER_GRACE_S = 30.0
"""Readers get so long at least to find a session that a lost server has run: they can't know where it goes on."""


class Session(SessionView):
    """The life of one request. All methods are called on one event loop; none blocks."""

    def __init__(
        self,
        id: str,
        plan: Plan,
        around: Surroundings,
        log: EventLog,
        *,
        began_at: float,
        key: str | None = None,
        limit: int | None = None,
    ) -> None:
        """Prepare the session; `start` runs it.

        Args:
            id: of the session.
            plan: what was asked, made definite.
            around: what all sessions have.
            log: where its events go; one with entries restores the session.
            began_at: in seconds of the wall clock.
            key: the idempotency key that it was begun under.
            limit: the most that the load lets it think; None is no limit.

        Raises:
            ValueError: if the log tells another session than its steps lead to.
        """
        super().__init__(id, plan, around, log)
        self.idempotency_key = key
        self.runs = 0
        self.abandoned = False
        self.audience = Audience(plan.grace_s, self._abandon)
        self.extensions: dict[str, Extension] = {}
        self._observer = around.observer
        self._abandonment = Abandonment(id, key, self._store, self.audience, self._give_up)
        common = Common.of(id, plan, around, lambda: self._generation, began_at=began_at, keeps_steps=log.is_stored)
        makes = Generation if plan.trunks == 1 else Panel
        self._generation = makes(plan, around, common, self._tell, limit)
        self._record = Record(self.log, self._generation.account)
        self._usage_before = Usage()
        self._told_at = time.time()
        self.stopping = False
        if len(self.log):
            self._restore()
        else:
            due = self._generation.due
            self._tell(ReasonCreated, id=id, model=self._model, budget=self._budget(), checkpoints=due)

    # --- what others ask of a session --------------------------------------------------------------------------------

    def start(self) -> asyncio.Task[None]:
        """Run until the terminal event; the task's own outcome becomes that event."""
        self.runs += 1
        return self._start(self._generation.run())

    def take_over(self) -> asyncio.Task[None]:
        """Run a restored session on; its readers get time to find it."""
        self.audience.expect(TAKEOVER_GRACE_S)
        return self._start(self._generation.take_over(max(0.0, time.time() - self._told_at) * 1000))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._run = asyncio.create_task(work, name=self.id)
        self._run.add_done_callback(self._settle)
        self._observer.started(self.id, self.plan)
        return self._run

    async def stop(self) -> None:
        """Stop running, without an event: what was told last is what another process goes on from."""
        if self._run is not None and not self.log.closed:
            run, self._run, self.stopping = self._run, None, True
            run.cancel()
            await asyncio.wait([run])
            self._generation.flush()

    def move(self) -> None:
        """End in this process, at once: the session goes on, or has gone on, in another one."""
        run, self._run = self._run, None
        if run is not None:
            run.cancel()
        self._abandonment.stop()
        self._generation.end()
        self.log.move()
        if not self.log.closed:
            self._observer.moved(self.id)

    def cancel(self) -> None:
        """Stop as soon as the event loop allows. A session that has ended stays as it is."""
        if self._run is not None:
            self._run.cancel()

    def answer_now(self) -> None:
        """Close the thinking at the next token. Once the thinking has ended there is nothing to do."""
        if self.status == "running":
            self._generation.close(StopReason.ANSWER_NOW)

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; told once the running leg has ended."""
        if self.status == "running":
            self._generation.limit(tokens)

    def raise_budget(self, budget: int, *, more: bool = False, asked: Extension | None = None) -> bool:
        """Grant `budget` thinking tokens, as far as the context allows; return whether that changed anything.

        One that was asked for as so many `more` is no repetition of an earlier one, and makes an ended session think at
        least one token more. What was `asked` under an idempotency key is remembered with
        the change.

        A running session thinks on, from its answer too. An ended one is prepared for the next `start`.

        Raises:
            Conflict: if the budget is below the present one, or the context has no room for more.
        """
        if not self.would_raise(budget, more=more):
            return False
        ended = self.has_ended
        if ended:
            self._reopen()
        self._generation.raise_to(budget, think_on=more and ended)
        note = None
        if asked is not None:
            self.extensions[asked.key] = asked
            note = {"extended": [asked.key, asked.budget, asked.relative]}
        self._tell(BudgetChanged, note=note, budget=self._budget(), checkpoints=self._generation.due)
        return True

    def would_raise(self, budget: int, *, more: bool = False) -> bool:
        """Return whether `raise_budget` would change anything.

        Raises:
            Conflict: as `raise_budget` does, while the session is being cancelled, and while it answers because its
                deadline has passed.
        """
        self._settle_if_done()
        if self._generation.deadline.passed:
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

    # --- the end, and the beginning of a next run --------------------------------------------------------------------

    def _settle(self, run: asyncio.Task[None]) -> None:
        """Turn the outcome of the run into the terminal event: the only place where one is made.

        Called when the run is done, and by whoever finds it done before that callback had its turn.
        """
        if self.log.closed or run is not self._run:
            return
        try:
            self._conclude(run)
        except Exception as error:
            # No session may be left without an end, and nobody else is there to make one.
            if self.log.closed:
                raise
            self.fail(error)

    def _conclude(self, run: asyncio.Task[None]) -> None:
        self._generation.end()
        self._generation.settle()
        self._generation.flush()
        error = None if run.cancelled() else run.exception()
        if run.cancelled():
            self.status = "cancelled"
        elif error is not None:
            self._note_failure(error)
        else:
            self.status = "completed"
            self._generation.watch.mark("first_answer_ms")
        self._generation.watch.mark("total_ms", again=True)
        self._end(self.document())

    def fail(self, error: Exception) -> None:
        """End with what the log alone tells: the session itself can't say more."""
        self._note_failure(error)
        told = document_of(self.log.entries())
        self._end(told.model_copy(update={"status": "failed", "error": self._error}))

    def _note_failure(self, error: BaseException) -> None:
        self.status = "failed"
        self._error = describe_failure(error, self.id)

    def _end(self, document: ReasonDocument) -> None:
        document = document.model_copy(update={"last_sequence_number": len(self.log) + 1})
        if document.status == "completed":
            self._generation.keep_answer(document.answer)
        self._tell(TERMINAL_EVENTS[document.status], last=True, document=document)
        self._observer.ended(document, difference(document.usage, self._usage_before))

    def _settle_if_done(self) -> None:
        if self._run is not None and self._run.done():
            self._settle(self._run)

    def _reopen(self) -> None:
        self.log.reopen()
        self.status, self._error = "running", None
        self._usage_before = self._generation.usage()
        self._run = None

    def _abandon(self) -> None:
        """Stop the first run, for want of readers: who began it does not own the extension that followed."""
        if self._run is None or self.runs > 1 or self._run.done():
            return
        if self.log.is_stored:
            self._abandonment.begin(lambda: self.has_ended)
        else:
            self._give_up()

    def _give_up(self) -> None:
        if self._run is not None and not self._run.done():
            self.abandoned = True
            self.cancel()

    # --- what is stored, and restored --------------------------------------------------------------------------------

    def _tell(self, event: type[Event], **fields: Any) -> None:
        self._record.tell(event, **fields)

    def _restore(self) -> None:
        """Be what the log tells.

        Raises:
            ValueError: if its steps lead elsewhere.
        """
        for event, account in self._record.told():
            self._take_in(event, account)
            self._generation.restore(event, account)
        self.runs += not self.log.closed

    def _take_in(self, event: Event, account: Mapping[str, Any]) -> None:
        self._told_at = account["at"]
        if isinstance(event, BudgetChanged) and self.log.closed:
            self._reopen()
        if isinstance(event, TerminalEvent):
            self.log.closed, self.runs = True, self.runs + 1
            self.status, self._error = event.document.status, event.document.error
            self._generation.end()
        if "extended" in account:
            asked = Extension(*account["extended"])
            self.extensions[asked.key] = asked
