"""A session: what was asked, the run that answers it, the log of it all, and what others ask of it meanwhile.

Its tokens are a `Generation`'s affair. The session runs it, turns the outcome of a run into the terminal event, and
opens again for a next run when an ended one is extended.
"""

import asyncio
from sys import getsizeof

from anytime_client.protocol import Budget, BudgetChanged, ErrorInfo, ReasonCreated, ReasonDocument, Status, Usage
from anytime_server.controller import StopReason
from anytime_server.engines import Engine
from anytime_server.errors import Conflict
from anytime_server.reasoning.agreement import Judge
from anytime_server.reasoning.audience import Audience
from anytime_server.reasoning.events import TERMINAL_EVENTS, EventLog
from anytime_server.reasoning.failures import describe_failure
from anytime_server.reasoning.generation import Generation
from anytime_server.reasoning.observer import Observer
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.settings import ReasonSettings
from anytime_server.reasoning.tally import difference

TOKEN_BYTES = 40
"""Of an int in a list."""


class Session:
    """The life of one request. All methods are called on one event loop; none blocks."""

    def __init__(
        self,
        id: str,
        plan: Plan,
        engine: Engine,
        settings: ReasonSettings,
        observer: Observer,
        idempotency_key: str | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Prepare the session; `start` runs it. `judge` helps to tell which of its answers agree."""
        self.id = id
        self.idempotency_key = idempotency_key
        self.plan = plan
        self.log = EventLog()
        self.status: Status = "running"
        self.runs = 0
        self.failure_status = 0
        self.abandoned = False
        self.audience = Audience(plan.grace_s, self._abandon)
        self.extensions: dict[str, tuple[int, bool]] = {}
        self._model = engine.model
        self._observer = observer
        self._generation = Generation(id, plan, engine, settings, observer, self.log.append, judge)
        self._error: ErrorInfo | None = None
        self._usage_before = Usage()
        self._run: asyncio.Task[None] | None = None
        due = self._generation.interims.due
        self.log.append(ReasonCreated, id=id, model=engine.model, budget=self._budget(), checkpoints=due)

    @property
    def size_bytes(self) -> int:
        """About what the session holds in memory: its request, its log, its tokens and its text."""
        tokens = 2 * (len(self.plan.prompt_ids) + self._generation.spent)
        texts = self.plan.request_bytes + getsizeof(self._generation.trunk.text)
        return self.log.size_bytes + tokens * TOKEN_BYTES + texts

    @property
    def granted(self) -> int:
        """Thinking tokens allowed now."""
        return self._generation.course.granted

    @property
    def has_ended(self) -> bool:
        """Whether the terminal event of the last run is in the log."""
        return self.log.closed

    @property
    def is_idle(self) -> bool:
        """Whether the session is open without a run: `start` is due."""
        return self._run is None

    # --- what others ask of a session --------------------------------------------------------------------------------

    def start(self) -> asyncio.Task[None]:
        """Run until the terminal event; the task's own outcome becomes that event."""
        self.runs += 1
        self._run = asyncio.create_task(self._generation.run(), name=self.id)
        self._run.add_done_callback(self._settle)
        self._observer.started(self.id, self.plan)
        return self._run

    def cancel(self) -> None:
        """Stop as soon as the event loop allows. A session that has ended stays as it is."""
        if self._run is not None:
            self._run.cancel()

    def answer_now(self) -> None:
        """Close the thinking at the next token. Once the thinking has ended there is nothing to do."""
        if self.status == "running":
            self._generation.course.close(StopReason.ANSWER_NOW)

    def raise_budget(self, budget: int, *, more: bool = False) -> bool:
        """Grant `budget` thinking tokens, as far as the context allows; return whether that changed anything.

        One that was asked for as so many `more` is no repetition of an earlier one, and makes an ended session think at
        least one token more.

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
        self.log.append(BudgetChanged, budget=self._budget(), checkpoints=self._generation.interims.due)
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
        """Return the budget that is `tokens` more: than the grant, or than was spent once the session has ended."""
        self._settle_if_done()
        return tokens + (self._generation.spent if self.has_ended else self.granted)

    async def wait(self) -> ReasonDocument:
        """Wait for the end of the present run."""
        async for _ in self.log.read(after=len(self.log)):
            pass
        return self.document()

    def document(self) -> ReasonDocument:
        """Return the session as it stands."""
        made = self._generation
        return ReasonDocument(
            id=self.id,
            model=self._model,
            status=self.status,
            stop_reason=made.course.stop_reason.value if made.course.stop_reason else None,
            answer=made.best_answer(completed=self.status == "completed"),
            thinking=made.trunk.text,
            checkpoints=tuple(made.interims.answers),
            budget=self._budget(),
            usage=made.usage(),
            timings=made.watch.timings(),
            error=self._error,
            last_sequence_number=len(self.log),
        )

    # --- the end, and the beginning of a next run --------------------------------------------------------------------

    def _settle(self, run: asyncio.Task[None]) -> None:
        """Turn the outcome of the run into the terminal event: the only place where one is made.

        Called when the run is done, and by whoever finds it done before that callback had its turn.
        """
        if self.log.closed or run is not self._run:
            return
        error = None if run.cancelled() else run.exception()
        if run.cancelled():
            self.status = "cancelled"
        elif error is not None:
            self.status = "failed"
            self.failure_status, self._error = describe_failure(error, self.id)
        else:
            self.status = "completed"
            self._generation.watch.mark("first_answer_ms")
        self._generation.watch.mark("total_ms", again=True)
        self._generation.deadline.lift()
        self._generation.flush()
        event = TERMINAL_EVENTS[self.status]
        document = self.document().model_copy(update={"last_sequence_number": len(self.log) + 1})
        if self.status == "completed":
            self._generation.keep_answer(document.answer)
        self.log.append(event, last=True, document=document)
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
        if self._run is not None and self.runs == 1 and not self._run.done():
            self.abandoned = True
            self.cancel()

    def _budget(self) -> Budget:
        return self._generation.course.budget(self._generation.spent)
