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
)
from anytime_server.controller import BudgetPolicy, Phase, StopReason
from anytime_server.engines import Chunk, EngineRequest
from anytime_server.errors import EngineDied, EngineError
from anytime_server.reasoning.coalescer import Coalescer
from anytime_server.reasoning.common import Common
from anytime_server.reasoning.course import Course
from anytime_server.reasoning.interims import InterimAnswers
from anytime_server.reasoning.measured import Measured
from anytime_server.reasoning.plain_leg import plain_tokens
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.stored.account import Account
from anytime_server.reasoning.surroundings import Surroundings
from anytime_server.reasoning.tally import Tally
from anytime_server.reasoning.transcript import Transcript
from anytime_server.reasoning.trunk_view import TrunkView
from anytime_server.reasoning.vigil import Vigil

Publish = Callable[..., None]
"""Appends an event to the session's log."""


class Generation(TrunkView):
    """Generates under a `course` that others may change meanwhile, and publishes what came.

    One that `holds` stops where its thinking is closed: whether it answers is for others to say.
    """

    holds = False

    def __init__(
        self, plan: Plan, around: Surroundings, common: Common, publish: Publish, limit: int | None = None
    ) -> None:
        """Prepare to generate with one trunk, which has `common` things with those beside it, if there are any.

        No more thinking is granted than `limit`.
        """
        self._engine = around.engine
        self._observer = around.observer
        self._publish = publish
        self._id = common.session_id
        tokenizer, flush_s = around.engine.tokenizer, around.settings.flush_s
        course, tally = Course(plan, around.settings.landing, limit), Tally(prompt=len(plan.prompt_ids))
        transcript = Transcript(common.session_id, plan, tokenizer, keeps_steps=common.keeps_steps)
        interims = InterimAnswers(plan, around, common, tally, self._publish_checkpoint)
        super().__init__(plan, transcript, course, interims, tally, common)
        self.interims.schedule(self.course.granted)
        self._patience = common.patience
        self._measured = Measured(around.speed)
        self._vigil = Vigil(plan.watching, tokenizer.vocabulary)
        self._account = Account(transcript, course, interims, self._best, tally, self.watch, self._vigil)
        self._thinking_text = Coalescer(self.trunk.take_text, self._publish_thinking, flush_s)
        self._answer_text = Coalescer(transcript.take_answer, self._publish_answer, flush_s)

    def close(self, reason: StopReason) -> None:
        """Close the thinking at the next token; nothing to do once it has ended."""
        self.course.close(reason)

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; told once the running leg has ended."""
        self.course.limit(tokens)

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
        self._measured.go_on_from(self.spent)
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

    def keep_answer(self, answer: Answer | None) -> None:
        """Keep the answer of a run that has completed, should a next one not get so far."""
        self._best.keep(answer)

    def settle(self) -> None:
        """Book what was generated and is not booked yet, at the end of a run."""
        if self.transcript.legs:
            self._book()

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

    def restore(self, event: Event | None, account: Mapping[str, Any]) -> None:
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
        if self._is_held:
            self.interims.branch_due(self.trunk.ids, branches)
            return False
        if self._best.is_whole and not self.course.changed:
            # A loss came between the end of the answer and the last of the interim answers.
            self._book()
            self.interims.branch_due(self.trunk.ids, branches)
            return False
        self.transcript.legs += 1
        self._observer.leg(self._id, self.transcript.legs)
        request, hands_over = self._next_request()
        self.watch.mark("queued_ms")
        self._measured.asked()
        self.interims.branch_due(self.trunk.ids, branches)
        try:
            await self._generate(request, branches, reads_prompt=self.transcript.legs == 1)
            if not self.transcript.leg.answers and self._answers_now() and not self.holds:
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
        if self._is_held:
            return False
        self._book()
        if self._best.is_whole:
            self._measured.answered(short=self._plan.request.answer == "short")
        return self.course.changed or (hands_over and not self.trunk.ended) or self._needs_closing()

    def _next_request(self) -> tuple[EngineRequest, bool]:
        """Return what the next leg asks of the engine, and whether it hands over in the middle of the thinking.

        An answer that a loss has cut off goes on within its leg.
        """
        name = str(self.transcript.legs)
        if self._answers_now():
            return self.transcript.request_rest(f"{name}.answer"), False
        # A leg that was held, or that another server has lost, is dropped only now.
        self._book()
        policy = self._begin_leg()
        plain = None if self.holds else plain_tokens(self._plan, self._engine, policy, self.spent)
        apart = self.holds or self._plan.request.structured_outputs is not None
        direct = self.trunk.is_direct(policy)
        self.transcript.begin_leg(policy, answers=direct or (plain is None and not apart))
        if direct:
            return self.trunk.answer_request(name), False
        return self.trunk.request(name, answers=self.transcript.leg.answers, most=plain), plain is not None

    def _begin_leg(self) -> BudgetPolicy:
        """Return the policy of a leg that begins now."""
        before = self.course.granted
        policy = self.course.begin_leg(self.spent)
        if self.course.granted != before:
            self._tell_grant(before)
        return policy

    def _tell_grant(self, before: int) -> None:
        """Tell of a grant that the load has changed from what it was `before`."""
        if self.course.granted < before:
            self.interims.shorten(self.course.granted)
        else:
            self.interims.lengthen(self.course.granted, self.spent)
        self.flush()
        self._publish(BudgetChanged, budget=self.course.budget(self.spent), checkpoints=self.due, cause="load")

    @property
    def _is_held(self) -> bool:
        """Whether the thinking is closed, and that is all there is to do."""
        return self.holds and self._answers_now()

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
        self._measured.heard(first="first_token_ms" not in self.watch.marks)
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
                self._measured.thought()
                self.deadline.observe(self.spent)
                if self.interims.branch_due(self.trunk.ids, branches):
                    self._measured.note(self.spent)
                    # So a reader can tell what the interim answer knew.
                    self._thinking_text.flush()
            elif phase is Phase.ANSWER:
                self._answer_text.touch()
            if self.trunk.ended and self.course.stop_reason is None and not self.course.changed:
                self.course.ended(self.trunk.state.ending)
                self._measured.note(self.spent)
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
            self.close(reason)

    def _publish_thinking(self, text: str) -> None:
        self._publish(ThinkingDelta, delta=text, spent=self.spent)

    def _publish_answer(self, text: str) -> None:
        self._publish(AnswerDelta, delta=text, logprobs=self.transcript.take_logprobs())
