"""The runs of a session: how each begins, what it does, and the one place that ends it."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from anytime_client.protocol import Event, ReasonDocument, Usage
from anytime_server.reasoning.panel import Panel
from anytime_server.reasoning.reading.audience import Audience
from anytime_server.reasoning.reading.events import TERMINAL_EVENTS, EventLog
from anytime_server.reasoning.sessions.abandonment import Abandonment
from anytime_server.reasoning.sessions.failures import describe_failure
from anytime_server.reasoning.sessions.stored.record import Record
from anytime_server.reasoning.sessions.stored.told import document_of
from anytime_server.reasoning.sessions.view import SessionView
from anytime_server.reasoning.surroundings.beginning import Beginning
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.surroundings.tally import difference
from anytime_server.reasoning.trunk.generation import Generation

TAKEOVER_GRACE_S = 30.0
"""Readers get so long at least to find a session that a lost server has run: they can't know where it goes on."""


class Runs(SessionView):
    """A session that is run, here, until its end or its move; and again when it is extended.

    Attributes:
        idempotency_key: that it was begun under.
        runs: how many have begun.
        abandoned: whether its run was cancelled for want of readers.
        stopping: whether its run is given up for another process to go on with.
        audience: its readers.
    """

    def __init__(self, beginning: Beginning, around: Surroundings, log: EventLog) -> None:
        """Prepare to run; events go to the `log`."""
        super().__init__(beginning, around, log)
        self.idempotency_key = beginning.key
        self.runs = 0
        self.abandoned = False
        self.stopping = False
        grace_s = self.plan.grace_s or 0.0
        self._abandonment = Abandonment(self.id, beginning.key, self._store, grace_s, self._give_up)
        self.audience = Audience(came=self._abandonment.stop, left=self._left_alone)
        self._observer = around.observer
        self._common = Common.of(beginning, around, lambda: self._generation, keeps_steps=log.is_stored)
        makes = Generation if self.plan.trunks == 1 else Panel
        self._generation = makes(self.plan, around, self._common, self._tell, beginning.limit)
        self._record = Record(log, self._generation.account.take)
        self._usage_before = Usage()
        self._told_at = time.time()

    def start(self) -> asyncio.Task[None]:
        """Run until the terminal event; the task's own outcome becomes that event."""
        self.runs += 1
        return self._start(self._generate())

    def take_over(self) -> asyncio.Task[None]:
        """Run a restored session on; its readers get time to find it."""
        run = self._start(self._resume(max(0.0, time.time() - self._told_at) * 1000))
        self._left_alone(TAKEOVER_GRACE_S)
        return run

    async def stop(self) -> None:
        """Stop running, without an event: what was told last is what another process goes on from."""
        if self._run is not None and not self.log.closed:
            run, self._run, self.stopping = self._run, None, True
            self._abandonment.stop()
            run.cancel()
            await asyncio.wait([run])
            self._generation.flush()

    def move(self) -> None:
        """End in this process, at once: the session goes on, or has gone on, in another one."""
        run, self._run = self._run, None
        if run is not None:
            run.cancel()
        self._end_run()
        self.log.move()
        if not self.log.closed:
            self._observer.moved(self.id)

    def cancel(self) -> None:
        """Stop as soon as the event loop allows. A session that has ended stays as it is."""
        if self._run is not None:
            self._run.cancel()

    def fail(self, error: Exception) -> None:
        """End with what the log alone tells: the session itself can't say more."""
        self._note_failure(error)
        told = document_of(self.log.entries())
        self._end(told.model_copy(update={"status": "failed", "error": self._error}))

    # --- a run -------------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._run = asyncio.create_task(work, name=self.id)
        self._run.add_done_callback(self._settle)
        self._observer.started(self.id, self.plan)
        return self._run

    async def _generate(self) -> None:
        """Generate until the answer is whole, and every interim answer is there.

        At the deadline the latest interim answer is the answer, if the final one is not there (see `Patience`).

        Raises:
            EngineError: if the engine fails; alone or in a group.
        """
        if not await self._common.patience.run(self._generation.go_on):
            self._generation.course.run_out_of_time()

    async def _resume(self, downtime_ms: float) -> None:
        """Generate on after a restore: the server that ran the session was lost, or has handed it over."""
        self._generation.resume(downtime_ms)
        if self._common.deadline.passed and self._generation.best.settled_for_less:
            self._generation.course.run_out_of_time()
        else:
            await self._generate()

    def _left_alone(self, within_s: float = 0.0) -> None:
        """Stop the first run for want of readers, within a while: who began it does not own what extends it later."""
        if self.plan.grace_s is not None and self.runs == 1 and self._run is not None and not self._run.done():
            self._abandonment.begin(within_s)

    def _give_up(self) -> None:
        if self._run is not None and not self._run.done():
            self.abandoned = True
            self.cancel()

    # --- its end, and the beginning of a next one --------------------------------------------------------------------

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

    def _settle_if_done(self) -> None:
        if self._run is not None and self._run.done():
            self._settle(self._run)

    def _conclude(self, run: asyncio.Task[None]) -> None:
        self._end_run()
        self._generation.settle()
        self._generation.flush()
        error = None if run.cancelled() else run.exception()
        if run.cancelled():
            self.status = "cancelled"
        elif error is not None:
            self._note_failure(error)
        else:
            self.status = "completed"
            self._common.watch.mark("first_answer_ms")
        self._common.watch.mark("total_ms", again=True)
        self._end(self.document())

    def _end_run(self) -> None:
        self._abandonment.stop()
        self._common.end_run()
        self._generation.ground()

    def _note_failure(self, error: BaseException) -> None:
        self.status = "failed"
        self._error = describe_failure(error, self.id)

    def _end(self, document: ReasonDocument) -> None:
        document = document.model_copy(update={"last_sequence_number": len(self.log) + 1})
        if document.status == "completed":
            self._generation.best.keep(document.answer)
        self._tell(TERMINAL_EVENTS[document.status], last=True, document=document)
        self._observer.ended(document, difference(document.usage, self._usage_before))

    def _reopen(self) -> None:
        self.log.reopen()
        self.status, self._error = "running", None
        self._usage_before = self._generation.usage()
        self._run = None

    def _tell(self, event: type[Event], **fields: Any) -> None:
        self._record.tell(event, **fields)
