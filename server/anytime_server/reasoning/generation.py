"""What the engine generates for a session: its thinking, the interim answers branched off it, the final answer.

The thinking is generated in legs. A leg is one engine request under a budget policy, and goes from thinking over the
closing into the answer; a structured answer is a second request, so that its grammar holds from the first token. Where
logprobs slow an engine down, long thinking begins with a plain leg, which has none: nobody reads those of thinking. The
next leg takes over at the last block of the prefix cache before the budget ends, so that it computes one token anew.
Whatever changes the course (answer now, a settled answer, a larger budget) abandons the leg at its next token and
begins another from the trunk's token log, so there is one mechanism for all of them; and for an engine that died, too:
once it is back, the next leg begins. An answer goes on where it was cut off.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Literal

from anytime_client.protocol import (
    Answer,
    AnswerDelta,
    BudgetChanged,
    CheckpointAnswer,
    CheckpointEvent,
    Event,
    ReasonResumed,
    ThinkingDelta,
    Usage,
)
from anytime_server.controller import BudgetPolicy, Phase, StopReason
from anytime_server.controller.load import Promise
from anytime_server.engines import Chunk, Engine, EngineRequest
from anytime_server.errors import EngineDied, EngineError
from anytime_server.reasoning.agreement import Agreement, Judge
from anytime_server.reasoning.best_answer import BestAnswer
from anytime_server.reasoning.coalescer import Coalescer
from anytime_server.reasoning.course import Course
from anytime_server.reasoning.deadline import Deadline
from anytime_server.reasoning.interims import InterimAnswers
from anytime_server.reasoning.observer import Observer
from anytime_server.reasoning.patience import Patience
from anytime_server.reasoning.plain_leg import plain_tokens
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.settings import ReasonSettings
from anytime_server.reasoning.speed import Speed
from anytime_server.reasoning.stored.account import Account
from anytime_server.reasoning.tally import Stopwatch, Tally
from anytime_server.reasoning.transcript import Transcript
from anytime_server.reasoning.vigil import Vigil

Publish = Callable[..., None]
"""Appends an event to the session's log."""


class Generation:
    """Generates under a `course` that others may change meanwhile, and publishes what came."""

    def __init__(
        self,
        id: str,
        plan: Plan,
        engine: Engine,
        settings: ReasonSettings,
        observer: Observer,
        publish: Publish,
        judge: Judge | None = None,
        *,
        watch: Stopwatch | None = None,
        keeps_steps: bool = False,
        limit: int | None = None,
        speed: Speed | None = None,
    ) -> None:
        """Prepare to generate for the session `id`; a deadline counts from the start of the `watch`.

        No more thinking is granted than `limit`; `speed` is that of all sessions.
        """
        self._id = id
        self._plan = plan
        self._engine = engine
        self._observer = observer
        self._publish = publish
        self.transcript = Transcript(id, plan, engine.tokenizer, keeps_steps=keeps_steps)
        self.trunk = self.transcript.trunk
        self.course = Course(plan, settings.landing, limit)
        self._vigil = Vigil(plan.watching, engine.tokenizer.vocabulary)
        self.tally = Tally(prompt=len(plan.prompt_ids))
        self.watch = watch or Stopwatch()
        # A structured answer is compared as a whole, as text.
        agreement = Agreement(judge if plan.request.structured_outputs is None else None, plan.deadline_s)
        self._speed = speed or Speed()
        self._asked_at = self._thought_since = self._thought_until = self._speed.clock()
        self._thought = 0
        self.interims = InterimAnswers(
            id, plan, engine, self.tally, self.watch, self._publish_checkpoint, agreement, self._speed
        )
        self.interims.schedule(self.course.granted)
        left_s = None if plan.deadline_s is None else max(0.0, plan.deadline_s - self.watch.elapsed_ms() / 1000)
        self._patience = Patience(left_s, lambda: bool(self.interims.answers), self._answer_goes_out)
        self.deadline = Deadline(left_s, partial(self.course.close, StopReason.DEADLINE), self._answer_s)
        self._best = BestAnswer(plan, self.transcript, self.interims)
        self._account = Account(
            self.transcript, self.course, self.interims, self._best, self.tally, self.watch, self._vigil
        )
        self._thinking_text = Coalescer(self.trunk.take_text, self._publish_thinking, settings.flush_s)
        self._answer_text = Coalescer(self.transcript.take_answer, self._publish_answer, settings.flush_s)

    @property
    def spent(self) -> int:
        """Thinking tokens so far."""
        return len(self.trunk.ids)

    @property
    def thinks(self) -> bool:
        """Whether its thinking goes on, and nothing has been decided to end it."""
        return self.course.stop_reason is None and not self.course.closing and self._plan.thinks

    def promise(self) -> Promise | None:
        """Return what remains to be kept of the deadline; None if there is none, or an answer."""
        if self.deadline.at is None or self.interims.answers:
            return None
        until = self.interims.due[0] if self.interims.due else self.spent
        return Promise(self.deadline.left_s, max(0, until - self.spent), begun="first_token_ms" in self.watch.marks)

    def usage(self) -> Usage:
        """Return the tokens so far, by role."""
        return self.tally.usage(thinking=self.spent)

    async def run(self) -> None:
        """Generate until the answer is whole and every interim answer is there.

        At the deadline the latest interim answer is the answer, if the final one is not there (see `Patience`).

        Raises:
            EngineError: if the engine fails; alone or in a group.
        """
        try:
            async with self._patience.limit(), asyncio.TaskGroup() as branches:
                while await self._go_on(branches):
                    pass
        except TimeoutError:
            self.course.stop_reason = self.course.stop_reason or StopReason.DEADLINE

    async def take_over(self, downtime_ms: float) -> None:
        """Run on after a restore: the server that ran the session was lost, or has handed it over."""
        self._thought = self.spent
        self._tell_resumed("server", downtime_ms)
        if self.deadline.passed and self._best.settled_for_less:
            self.course.stop_reason = self.course.stop_reason or StopReason.DEADLINE
        else:
            await self.run()

    def raise_to(self, budget: int, *, think_on: bool = False) -> None:
        """Grant `budget` thinking tokens as far as they fit; a run goes on, from its answer too.

        To `think_on` is to think one token more at least.
        """
        self.course.raise_to(budget, self.spent, think_on=think_on)
        self._vigil.pass_over(self.trunk.ids)
        self.interims.schedule(self.course.granted, beyond=self.spent)
        self.flush()

    def best_answer(self, *, completed: bool) -> Answer | None:
        """Return the best answer so far, or that of a run which has `completed`."""
        return self._best.choose(completed=completed)

    def keep_answer(self, answer: Answer | None) -> None:
        """Keep the answer of a run that has completed, should a next one not get so far."""
        self._best.keep(answer)

    def end(self) -> None:
        """The run is over: no deadline any more, and no branches."""
        self.deadline.lift()
        self._patience.end()
        self.interims.ground()

    def flush(self) -> None:
        """Tell what was held back to be coalesced."""
        self._thinking_text.flush()
        self._answer_text.flush()

    # --- what a store keeps, and a restore goes by -------------------------------------------------------------------

    def account(self) -> dict[str, Any]:
        """See `Account.take`."""
        return self._account.take()

    def standing(self) -> dict[str, Any]:
        """See `Account.standing`."""
        return self._account.standing()

    def restore(self, event: Event, account: Mapping[str, Any]) -> None:
        """See `Account.restore`."""
        self._account.restore(event, account)

    # --- legs --------------------------------------------------------------------------------------------------------

    async def _go_on(self, branches: asyncio.TaskGroup) -> bool:
        """Generate a leg, and wait for all answers if it is the last; return whether another must follow."""
        try:
            if await self._run_leg(branches):
                return True
        except EngineDied:
            await self._outlive()
            return True
        await self.interims.finished()
        # The budget may have been raised while the last interim answers came in.
        return self.course.changed

    async def _run_leg(self, branches: asyncio.TaskGroup) -> bool:
        """Generate from the trunk on; return whether another leg must follow."""
        if self._best.is_whole and not self.course.changed:
            # A loss came between the end of the answer and the last of the interim answers.
            self._book()
            self.interims.branch_due(self.trunk.ids, branches)
            return False
        self.transcript.legs += 1
        self._observer.leg(self._id, self.transcript.legs)
        request, hands_over = self._next_request()
        self.watch.mark("queued_ms")
        self._asked_at = self._speed.clock()
        self.interims.branch_due(self.trunk.ids, branches)
        try:
            await self._generate(request, branches, reads_prompt=self.transcript.legs == 1)
            if not self.transcript.leg.answers and self._answers_now():
                self.transcript.go_on_to_answer()
                await self._generate(self.trunk.answer_request(f"{self.transcript.legs}.answer"), branches)
        except EngineDied:
            if not self._answers_now():
                self._book()
                self.course.lost_the_end()
            raise
        except BaseException:
            self._book()
            raise
        self._book()
        if self._best.is_whole:
            self._speed.note_answer(self._thought_until, short=self._plan.request.answer == "short")
        return self.course.changed or (hands_over and not self.trunk.ended) or self._needs_closing()

    def _next_request(self) -> tuple[EngineRequest, bool]:
        """Return what the next leg asks of the engine, and whether it hands over in the middle of the thinking.

        An answer that a loss has cut off goes on within its leg.
        """
        name = str(self.transcript.legs)
        if self._answers_now():
            return self.transcript.request_rest(f"{name}.answer"), False
        policy = self._begin_leg()
        plain = plain_tokens(self._plan, self._engine, policy, self.spent)
        structured = self._plan.request.structured_outputs is not None
        direct = self.trunk.is_direct(policy)
        self.transcript.begin_leg(policy, answers=direct or (plain is None and not structured))
        if direct:
            return self.trunk.answer_request(name), False
        return self.trunk.request(name, answers=self.transcript.leg.answers, most=plain), plain is not None

    def _begin_leg(self) -> BudgetPolicy:
        """Return the policy of a leg that begins now, and tell of a grant that the load has changed."""
        before = self.course.granted
        policy = self.course.begin_leg(self.spent)
        granted = self.course.granted
        if granted < before:
            self.interims.shorten(granted)
        elif granted > before:
            self.interims.lengthen(granted, self.spent)
        if granted != before:
            self.flush()
            budget = self.course.budget(self.spent)
            self._publish(BudgetChanged, budget=budget, checkpoints=self.interims.due, cause="load")
        return policy

    def _answers_now(self) -> bool:
        return self.transcript.in_answer and not self.course.changed

    def _book(self) -> None:
        self.transcript.leg.book(self.tally, self.spent, answered=self._answers_now())

    async def _generate(
        self, request: EngineRequest, branches: asyncio.TaskGroup, *, reads_prompt: bool = False
    ) -> None:
        """Take in what the engine generates, until the leg's answer is whole, or its thinking if it does not answer.

        The first request of the session `reads_prompt`: what it finds in the cache is of the prompt.
        """
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                if reads_prompt:
                    self.tally.prompt_cached += chunk.cached_tokens
                self._take(chunk, branches)
                if self.course.changed or self._best.is_whole:
                    return
                if self.transcript.in_answer and not self.transcript.leg.answers:
                    return

    def _take(self, chunk: Chunk, branches: asyncio.TaskGroup) -> None:
        self._patience.heard()
        self.trunk.queues = False
        self.tally.prefill(chunk)
        if "first_token_ms" not in self.watch.marks:
            self._speed.note_first_token(self._asked_at)
            self._thought_since = self._speed.clock()
            self.watch.mark("first_token_ms")
        alternatives = chunk.alternatives or ((),) * len(chunk.token_ids)
        logprobs = chunk.logprobs or (0.0,) * len(chunk.token_ids)
        for count, (token, logprob, others) in enumerate(
            zip(chunk.token_ids, logprobs, alternatives, strict=True), start=1
        ):
            phase = self.transcript.observe(token, logprob, others, heeded=not self.course.changed)
            closed = phase is Phase.THINKING and self._closes_here()
            if phase is Phase.THINKING:
                self._thinking_text.touch()
                self._thought_until = self._speed.clock()
                self.deadline.observe(self.spent)
                if self.interims.branch_due(self.trunk.ids, branches):
                    self._note_thinking()
                    # So a reader can tell what the interim answer knew.
                    self._thinking_text.flush()
            elif phase is Phase.ANSWER:
                self._answer_text.touch()
            if self.trunk.ended and self.course.stop_reason is None and not self.course.changed:
                self.course.ended(self.trunk.state.ending)
                self._note_thinking()
                self.watch.mark("thinking_ms", again=True)
                self._thinking_text.flush()
            if closed:
                self.transcript.drop(len(chunk.token_ids) - count)
                break

    def _closes_here(self) -> bool:
        """Close the thinking after this very token, however many came with it, if the thinking itself says so."""
        reason = None if self.trunk.ended else self._vigil.look(self.trunk.ids)
        if reason is not None:
            self.course.close(reason)
        return reason is not None

    def _needs_closing(self) -> bool:
        """After the engine ended a leg: whether the model ended the sequence while it was still to answer."""
        if self.transcript.in_answer:
            if not self._best.is_whole:
                self.transcript.finish_answer()
                self._answer_text.touch()
            return False
        if self.course.closing:
            raise EngineError("the engine ended the generation before it answered")
        self.course.ended_sequence()
        return True

    async def _outlive(self) -> None:
        """Wait for an engine that died to be back, and tell that the session goes on.

        Raises:
            EngineError: if it won't come back.
        """
        self.flush()
        self.trunk.queues = True
        lost_ms = self.watch.elapsed_ms()
        await self._engine.alive()
        self._tell_resumed("engine", self.watch.elapsed_ms() - lost_ms)

    # --- time --------------------------------------------------------------------------------------------------------

    def _note_thinking(self) -> None:
        self._speed.note_thinking(self._thought_since, self.spent - self._thought)
        self._thought_since, self._thought = self._speed.clock(), self.spent

    def _answer_s(self, seconds_per_token: float) -> float:
        """Return the seconds from now on to an answer and the run's end: by its own speed, and what others took."""
        forced = len(self._plan.format.closing_ids) + len(self._plan.format.cue_ids)
        short_s = max((forced + self.interims.longest) * seconds_per_token, self._speed.answer_s(short=True))
        full_s = 0.0 if self._plan.request.answer == "short" else self._speed.answer_s(short=False)
        return max(short_s, full_s) + self._patience.margin_s

    def _answer_goes_out(self) -> bool:
        """Whether a full answer has begun, which nobody who reads it would want to see replaced."""
        return self._plan.request.answer == "full" and self._answers_now()

    def _tell_resumed(self, cause: Literal["engine", "server"], downtime_ms: float) -> None:
        self._publish(ReasonResumed, cause=cause, spent=self.spent, downtime_ms=round(downtime_ms, 2))
        self._observer.resumed(self._id, cause, downtime_ms)

    # --- answers and text --------------------------------------------------------------------------------------------

    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        self.watch.mark("first_answer_ms")
        self.flush()
        self.interims.accept(answer)
        self._publish(CheckpointEvent, **answer.model_dump())
        self._observer.checkpoint(self._id, answer)
        if (reason := self._plan.stopping(self.interims.verdicts())) is not None:
            self.course.close(reason)

    def _publish_thinking(self, text: str) -> None:
        self._publish(ThinkingDelta, delta=text, spent=self.spent)

    def _publish_answer(self, text: str) -> None:
        self._publish(AnswerDelta, delta=text, logprobs=self.transcript.take_logprobs())
