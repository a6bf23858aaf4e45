"""A session: one trunk that thinks, the interim answers branched off it, the final answer, and the log of it all.

The trunk is generated in legs. A leg is one engine request under a budget policy, and goes from thinking over the
closing into the answer; a structured answer is a second request, so that its grammar holds from the first token.
Whatever changes the course (answer now, a settled answer, a larger budget) abandons the leg at its next token and
begins another from the trunk's token log, so there is one mechanism for all of them.
"""

import asyncio
from contextlib import aclosing
from functools import partial

from anytime_client.protocol import (
    Answer,
    AnswerDelta,
    Budget,
    BudgetChanged,
    CheckpointAnswer,
    CheckpointEvent,
    ErrorInfo,
    ReasonCreated,
    ReasonDocument,
    Status,
    ThinkingDelta,
    Usage,
)
from anytime_server.controller import Phase, StopReason
from anytime_server.engines import Chunk, Engine, EngineRequest
from anytime_server.errors import Conflict, EngineError
from anytime_server.reasoning.answer_logprobs import AnswerLogprobs
from anytime_server.reasoning.answer_text import AnswerText
from anytime_server.reasoning.audience import Audience
from anytime_server.reasoning.coalescer import Coalescer
from anytime_server.reasoning.course import Course
from anytime_server.reasoning.deadline import Deadline
from anytime_server.reasoning.events import TERMINAL_EVENTS, EventLog
from anytime_server.reasoning.failures import describe_failure
from anytime_server.reasoning.interims import InterimAnswers
from anytime_server.reasoning.leg import Leg
from anytime_server.reasoning.observer import Observer
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.settings import ReasonSettings
from anytime_server.reasoning.tally import Stopwatch, Tally, difference
from anytime_server.reasoning.trunk import Trunk

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
    ) -> None:
        """Prepare the session; `start` runs it."""
        self.id = id
        self.idempotency_key = idempotency_key
        self.plan = plan
        self.log = EventLog()
        self.status: Status = "running"
        self._engine = engine
        self._settings = settings
        self._observer = observer
        self._trunk = Trunk(plan, engine.tokenizer)
        self._course = Course(plan, settings.landing)
        self._answer = self._new_answer()
        self._tally = Tally(prompt=len(plan.prompt_ids))
        self._watch = Stopwatch()
        self._interims = InterimAnswers(id, plan, engine, self._tally, self._watch, self._publish_checkpoint)
        self._thinking_text = Coalescer(self._trunk.take_text, self._publish_thinking, settings.flush_s)
        self._answer_text = Coalescer(lambda: self._answer.take(), self._publish_answer, settings.flush_s)
        self._legs = 0
        self._error: ErrorInfo | None = None
        self._whole: tuple[Answer | None, int] = (None, 0)
        self.failure_status = 0
        self._usage_before = Usage()
        self._run: asyncio.Task[None] | None = None
        self.runs = 0
        self.abandoned = False
        self.audience = Audience(plan.grace_s, self._abandon)
        self._deadline = Deadline(
            plan.deadline_s,
            partial(self._course.close, StopReason.DEADLINE),
            answer_tokens=lambda: len(plan.format.closing_ids) + len(plan.format.cue_ids) + self._interims.longest,
        )
        self.extensions: dict[str, tuple[int, bool]] = {}
        self._interims.schedule(self.granted)
        self.log.append(ReasonCreated, id=id, model=engine.model, budget=self._budget(), checkpoints=self._interims.due)

    @property
    def size_bytes(self) -> int:
        """About what the session holds in memory: its log, its tokens and its text."""
        tokens = 2 * (len(self.plan.prompt_ids) + len(self._trunk.ids))
        return self.log.size_bytes + tokens * TOKEN_BYTES + len(self._trunk.text)

    @property
    def granted(self) -> int:
        """Thinking tokens allowed now."""
        return self._course.granted

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
        self._run = asyncio.create_task(self._reason(), name=self.id)
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
            self._course.close(StopReason.ANSWER_NOW)

    def raise_budget(self, budget: int) -> bool:
        """Grant `budget` thinking tokens, as far as the context allows; return whether that changed anything.

        A running session thinks on, from its answer too. An ended one is prepared for the next `start`.

        Raises:
            Conflict: if the budget is below the present one, or the context has no room for more.
        """
        if not self.would_raise(budget):
            return False
        if self.has_ended:
            self._reopen()
        self._course.raise_to(budget, spent=len(self._trunk.ids))
        self._interims.schedule(self.granted, beyond=len(self._trunk.ids))
        self._flush()
        self.log.append(BudgetChanged, budget=self._budget(), checkpoints=self._interims.due)
        return True

    def would_raise(self, budget: int) -> bool:
        """Return whether `raise_budget` would change anything.

        Raises:
            Conflict: as `raise_budget` does, while the session is being cancelled, and while it answers because its
                deadline has passed.
        """
        self._settle_if_done()
        if self._deadline.passed:
            raise Conflict("the deadline has passed; extend the session once it has ended")
        if self._run is not None and not self.has_ended and self._run.cancelling():
            raise Conflict("the session is being cancelled; extend it once it has ended")
        interrupted = self.status in ("cancelled", "failed")
        return self._course.check_raise(budget, spent=len(self._trunk.ids), interrupted=interrupted)

    def raised_by(self, tokens: int) -> int:
        """Return the budget that is `tokens` more: than the grant, or than was spent once the session has ended."""
        self._settle_if_done()
        return tokens + (len(self._trunk.ids) if self.has_ended else self.granted)

    async def wait(self) -> ReasonDocument:
        """Wait for the end of the present run."""
        async for _ in self.log.read(after=len(self.log)):
            pass
        return self.document()

    def document(self) -> ReasonDocument:
        """Return the session as it stands."""
        return ReasonDocument(
            id=self.id,
            model=self._engine.model,
            status=self.status,
            stop_reason=self._course.stop_reason.value if self._course.stop_reason else None,
            answer=self._best_answer(),
            thinking=self._trunk.text,
            checkpoints=tuple(self._interims.answers),
            budget=self._budget(),
            usage=self._tally.usage(),
            timings=self._watch.timings(),
            error=self._error,
            last_sequence_number=len(self.log),
        )

    # --- the run -----------------------------------------------------------------------------------------------------

    async def _reason(self) -> None:
        async with asyncio.TaskGroup() as branches:
            going_on = True
            while going_on:
                going_on = await self._run_leg(branches)
                if not going_on:
                    await self._interims.finished()
                    # The budget may have been raised while the last interim answers came in.
                    going_on = self._course.changed

    async def _run_leg(self, branches: asyncio.TaskGroup) -> bool:
        """Generate from the trunk on; return whether another leg must follow."""
        self._legs += 1
        self._observer.leg(self.id, self._legs)
        self._answer = self._new_answer()
        request = self._trunk.begin_leg(f"{self.id}.{self._legs}", self._course.begin_leg(len(self._trunk.ids)))
        self._watch.mark("queued_ms")
        self._interims.branch_due(self._trunk.ids, branches)
        leg = Leg(len(self._trunk.ids), answers=self.plan.request.structured_outputs is None)
        try:
            await self._generate(request, leg, branches)
            if not leg.answers and self._in_answer() and not self._course.changed:
                leg.answers = True
                await self._generate(self._trunk.answer_request(f"{request.request_id}.answer"), leg, branches)
        finally:
            leg.book(self._tally, len(self._trunk.ids), answered=self._in_answer() and not self._course.changed)
        return self._course.changed or self._needs_closing()

    async def _generate(self, request: EngineRequest, leg: Leg, branches: asyncio.TaskGroup) -> None:
        """Take in what the engine generates, until the leg's answer is whole, or its thinking if it does not answer."""
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                if self._legs == 1 and request.thinking is not None:
                    self._tally.prompt_cached += chunk.cached_tokens
                self._take(chunk, leg, branches)
                if self._course.changed or self._answer.done or (self._in_answer() and not leg.answers):
                    return

    def _take(self, chunk: Chunk, leg: Leg, branches: asyncio.TaskGroup) -> None:
        self._tally.prefill(chunk)
        alternatives = chunk.alternatives or ((),) * len(chunk.token_ids)
        tokens = zip(chunk.token_ids, chunk.logprobs, chunk.forced, alternatives, strict=True)
        for token, logprob, forced, others in tokens:
            self._watch.mark("first_token_ms")
            phase = self._trunk.observe(token)
            surplus = phase is Phase.ANSWER and (self._answer.done or not leg.answers)
            leg.count(forced=forced, surplus=surplus)
            if phase is Phase.THINKING:
                self._thinking_text.touch()
                self._deadline.observe(len(self._trunk.ids))
                if self._interims.branch_due(self._trunk.ids, branches):
                    # So a reader can tell what the interim answer knew.
                    self._thinking_text.flush()
            elif phase is Phase.ANSWER and not surplus and not self._course.changed:
                self._answer.feed(token, logprob, others)
                self._answer_text.touch()
            if self._trunk.ended and self._course.stop_reason is None and not self._course.changed:
                self._course.ended(self._trunk.state.ending)
                self._watch.mark("thinking_ms", again=True)
                self._thinking_text.flush()

    def _needs_closing(self) -> bool:
        """After the engine ended a leg: whether the model ended the sequence while it was still to answer."""
        if self._in_answer():
            if not self._answer.done:
                self._answer.finish("length")
                self._answer_text.touch()
            return False
        if self._course.closing:
            raise EngineError("the engine ended the generation before it answered")
        self._course.ended_sequence()
        return True

    def _in_answer(self) -> bool:
        return self._trunk.state.phase is Phase.ANSWER

    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        self._watch.mark("first_answer_ms")
        self._flush()
        self.log.append(CheckpointEvent, **answer.model_dump())
        self._observer.checkpoint(self.id, answer)
        if (reason := self.plan.stopping(self._interims.verdicts())) is not None:
            self._course.close(reason)

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
            self._watch.mark("first_answer_ms")
        self._watch.mark("total_ms", again=True)
        self._deadline.lift()
        self._flush()
        if self.status == "completed":
            self._whole = self._final_answer(), len(self._interims.answers)
        event = TERMINAL_EVENTS[self.status]
        document = self.document().model_copy(update={"last_sequence_number": len(self.log) + 1})
        self.log.append(event, last=True, document=document)
        self._observer.ended(document, difference(document.usage, self._usage_before))

    def _settle_if_done(self) -> None:
        if self._run is not None and self._run.done():
            self._settle(self._run)

    def _reopen(self) -> None:
        self.log.reopen()
        self.status, self._error = "running", None
        self._usage_before = self._tally.usage()
        self._run = None

    def _abandon(self) -> None:
        """Stop the first run, for want of readers: who began it does not own the extension that followed."""
        if self._run is not None and self.runs == 1 and not self._run.done():
            self.abandoned = True
            self.cancel()

    # --- small things ------------------------------------------------------------------------------------------------

    def _new_answer(self) -> AnswerText:
        request, tokenizer = self.plan.request, self._engine.tokenizer
        logprobs = AnswerLogprobs(tokenizer) if request.logprobs else None
        return AnswerText(tokenizer, self.plan.max_answer_tokens, request.stop_strings, logprobs)

    def _final_answer(self) -> Answer | None:
        final = self._answer.answer(partial(self.plan.value_of, short=self.plan.request.answer == "short"))
        return final if final.text or final.finish_reason else None

    def _best_answer(self) -> Answer | None:
        """The final answer once it is whole, else the latest of the interim answers and an earlier run's final one."""
        whole, interims_before = self._whole
        if self._answer.done or self.status == "completed":
            return self._final_answer()
        if len(self._interims.answers) > interims_before:
            latest = self._interims.answers[-1]
            return Answer(text=latest.answer, value=latest.value, confidence=latest.confidence)
        return whole or self._final_answer()

    def _budget(self) -> Budget:
        return self._course.budget(len(self._trunk.ids))

    def _publish_thinking(self, text: str) -> None:
        self.log.append(ThinkingDelta, delta=text, spent=len(self._trunk.ids))

    def _publish_answer(self, text: str) -> None:
        self.log.append(AnswerDelta, delta=text, logprobs=self._answer.take_logprobs())

    def _flush(self) -> None:
        self._thinking_text.flush()
        self._answer_text.flush()
