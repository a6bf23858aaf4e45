"""What the engine generates for a session: its thinking, the interim answers branched off it, the final answer.

The thinking is generated in legs. A leg is one engine request under a budget policy, and goes from thinking over the
closing into the answer; a structured answer is a second request, so that its grammar holds from the first token. Where
logprobs slow an engine down, long thinking begins with a plain leg, which has none: nobody reads those of thinking. The
next leg takes over at the last block of the prefix cache before the budget ends, so that it computes one token anew.
Whatever changes the course (answer now, a settled answer, a larger budget) abandons the leg at its next token and
begins another from the trunk's token log, so there is one mechanism for all of them.
"""

import asyncio
from contextlib import aclosing
from functools import partial

from anytime_client.protocol import Answer, AnswerDelta, CheckpointAnswer, CheckpointEvent, ThinkingDelta
from anytime_server.controller import BudgetPolicy, Phase, StopReason
from anytime_server.engines import Chunk, Engine, EngineRequest
from anytime_server.errors import EngineError
from anytime_server.reasoning.agreement import Agreement, Judge
from anytime_server.reasoning.answer_logprobs import AnswerLogprobs
from anytime_server.reasoning.answer_text import AnswerText
from anytime_server.reasoning.coalescer import Coalescer
from anytime_server.reasoning.course import Course
from anytime_server.reasoning.deadline import Deadline
from anytime_server.reasoning.events import EventLog
from anytime_server.reasoning.interims import InterimAnswers
from anytime_server.reasoning.leg import Leg
from anytime_server.reasoning.observer import Observer
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.settings import ReasonSettings
from anytime_server.reasoning.tally import Stopwatch, Tally
from anytime_server.reasoning.trunk import Trunk


class Generation:
    """Generates under a `course` that others may change meanwhile, and tells `log` what came."""

    def __init__(
        self,
        id: str,
        plan: Plan,
        engine: Engine,
        settings: ReasonSettings,
        observer: Observer,
        log: EventLog,
        judge: Judge | None = None,
    ) -> None:
        """Prepare to generate for the session `id`; a deadline counts from here."""
        self._id = id
        self._plan = plan
        self._engine = engine
        self._observer = observer
        self._log = log
        self.trunk = Trunk(plan, engine.tokenizer)
        self.course = Course(plan, settings.landing)
        self.tally = Tally(prompt=len(plan.prompt_ids))
        self.watch = Stopwatch()
        # A structured answer is compared as a whole, as text.
        agreement = Agreement(judge if plan.request.structured_outputs is None else None, plan.deadline_s)
        self.interims = InterimAnswers(id, plan, engine, self.tally, self.watch, self._publish_checkpoint, agreement)
        self.interims.schedule(plan.granted)
        self.deadline = Deadline(
            plan.deadline_s,
            partial(self.course.close, StopReason.DEADLINE),
            answer_tokens=lambda: len(plan.format.closing_ids) + len(plan.format.cue_ids) + self.interims.longest,
        )
        self._answer = self._new_answer()
        self._whole: tuple[Answer | None, int] = (None, 0)
        self._thinking_text = Coalescer(self.trunk.take_text, self._publish_thinking, settings.flush_s)
        self._answer_text = Coalescer(lambda: self._answer.take(), self._publish_answer, settings.flush_s)
        self._legs = 0

    @property
    def spent(self) -> int:
        """Thinking tokens so far."""
        return len(self.trunk.ids)

    async def run(self) -> None:
        """Generate until the answer is whole and every interim answer is there.

        Raises:
            EngineError: if the engine fails; alone or in a group.
        """
        async with asyncio.TaskGroup() as branches:
            going_on = True
            while going_on:
                going_on = await self._run_leg(branches)
                if not going_on:
                    await self.interims.finished()
                    # The budget may have been raised while the last interim answers came in.
                    going_on = self.course.changed

    def raise_to(self, budget: int, *, think_on: bool = False) -> None:
        """Grant `budget` thinking tokens as far as they fit; a run goes on, from its answer too.

        To `think_on` is to think one token more at least.
        """
        self.course.raise_to(budget, self.spent, think_on=think_on)
        self.interims.schedule(self.course.granted, beyond=self.spent)
        self.flush()

    def best_answer(self, *, completed: bool) -> Answer | None:
        """The final answer once it is whole, else the latest of the interim answers and an earlier run's final one."""
        whole, interims_before = self._whole
        if self._answer.done or completed:
            return self._final_answer()
        if len(self.interims.answers) > interims_before:
            latest = self.interims.answers[-1]
            return Answer(text=latest.answer, value=latest.value, confidence=latest.confidence)
        return whole or self._final_answer()

    def keep_answer(self) -> None:
        """Keep the answer of a run that has completed, should a next one not get so far."""
        self._whole = self._final_answer(), len(self.interims.answers)

    def flush(self) -> None:
        """Tell what was held back to be coalesced."""
        self._thinking_text.flush()
        self._answer_text.flush()

    async def _run_leg(self, branches: asyncio.TaskGroup) -> bool:
        """Generate from the trunk on; return whether another leg must follow."""
        self._legs += 1
        self._observer.leg(self._id, self._legs)
        self._answer = self._new_answer()
        policy = self.course.begin_leg(self.spent)
        plain, structured = self._plain_tokens(policy), self._plan.request.structured_outputs is not None
        leg = Leg(self.spent, answers=self.trunk.is_direct(policy) or (plain is None and not structured))
        request = self.trunk.begin_leg(f"{self._id}.{self._legs}", policy, answers=leg.answers, most=plain)
        if self._in_answer():
            self._answer.begin(was_cut=self.trunk.state.was_cut)
        self.watch.mark("queued_ms")
        self.interims.branch_due(self.trunk.ids, branches)
        try:
            await self._generate(request, leg, branches, reads_prompt=self._legs == 1)
            if not leg.answers and self._in_answer() and not self.course.changed:
                leg.answers = True
                await self._generate(self.trunk.answer_request(f"{request.request_id}.answer"), leg, branches)
        finally:
            leg.book(self.tally, self.spent, answered=self._in_answer() and not self.course.changed)
        handed_over = plain is not None and not self.trunk.ended
        return self.course.changed or handed_over or self._needs_closing()

    def _plain_tokens(self, policy: BudgetPolicy) -> int | None:
        """How many tokens the next leg generates without logprobs, to hand over behind them; None if it is no such leg.

        A request that wants logprobs gets none: a token that closes the thinking may hold the first of the answer.
        """
        request, least, block = self._plan.request, self._engine.plain_from, self._engine.limits.block_size
        if least is None or request.logprobs or request.structured_outputs is not None:
            return None
        begin = len(self._plan.prompt_ids) + self.spent
        # The last token of a prompt is always computed, so it is the first of a block.
        end = (begin + policy.budget - self.spent - 1) // block * block + 1
        return end - begin if end - begin >= least else None

    async def _generate(
        self, request: EngineRequest, leg: Leg, branches: asyncio.TaskGroup, *, reads_prompt: bool = False
    ) -> None:
        """Take in what the engine generates, until the leg's answer is whole, or its thinking if it does not answer.

        The first request of the session `reads_prompt`: what it finds in the cache is of the prompt.
        """
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                if reads_prompt:
                    self.tally.prompt_cached += chunk.cached_tokens
                self._take(chunk, leg, branches)
                if self.course.changed or self._answer.done or (self._in_answer() and not leg.answers):
                    return

    def _take(self, chunk: Chunk, leg: Leg, branches: asyncio.TaskGroup) -> None:
        self.tally.prefill(chunk)
        alternatives = chunk.alternatives or ((),) * len(chunk.token_ids)
        logprobs = chunk.logprobs or (0.0,) * len(chunk.token_ids)
        tokens = zip(chunk.token_ids, logprobs, chunk.forced, alternatives, strict=True)
        for token, logprob, forced, others in tokens:
            self.watch.mark("first_token_ms")
            phase = self.trunk.observe(token)
            surplus = phase is Phase.ANSWER and (self._answer.done or not leg.answers)
            leg.count(forced=forced, surplus=surplus)
            if phase is Phase.THINKING:
                self._thinking_text.touch()
                self.deadline.observe(self.spent)
                if self.interims.branch_due(self.trunk.ids, branches):
                    # So a reader can tell what the interim answer knew.
                    self._thinking_text.flush()
            elif phase is Phase.ANSWER and not surplus and not self.course.changed:
                self._answer.feed(token, logprob, others)
                self._answer_text.touch()
            if phase is not Phase.ANSWER and self._in_answer():
                self._answer.begin(
                    was_cut=self.trunk.state.was_cut,
                    begins_in=self.trunk.answer_begins_in,
                    header=self.trunk.answer_header,
                )
            if self.trunk.ended and self.course.stop_reason is None and not self.course.changed:
                self.course.ended(self.trunk.state.ending)
                self.watch.mark("thinking_ms", again=True)
                self._thinking_text.flush()

    def _needs_closing(self) -> bool:
        """After the engine ended a leg: whether the model ended the sequence while it was still to answer."""
        if self._in_answer():
            if not self._answer.done:
                self._answer.finish("length")
                self._answer_text.touch()
            return False
        if self.course.closing:
            raise EngineError("the engine ended the generation before it answered")
        self.course.ended_sequence()
        return True

    def _in_answer(self) -> bool:
        return self.trunk.state.phase is Phase.ANSWER

    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        self.watch.mark("first_answer_ms")
        self.flush()
        self._log.append(CheckpointEvent, **answer.model_dump())
        self._observer.checkpoint(self._id, answer)
        if (reason := self._plan.stopping(self.interims.verdicts())) is not None:
            self.course.close(reason)

    def _new_answer(self) -> AnswerText:
        request, tokenizer = self._plan.request, self._engine.tokenizer
        logprobs = AnswerLogprobs(tokenizer) if request.logprobs else None
        plan = self._plan
        return AnswerText(
            tokenizer,
            plan.format.markers,
            plan.max_answer_tokens,
            request.stop_strings,
            logprobs,
            verbatim=not plan.thinks,
            calls_tools=plan.calls_tools,
        )

    def _final_answer(self) -> Answer | None:
        final = self._answer.answer(partial(self._plan.value_of, short=self._plan.request.answer == "short"))
        return final if final.text or final.finish_reason else None

    def _publish_thinking(self, text: str) -> None:
        self._log.append(ThinkingDelta, delta=text, spent=self.spent)

    def _publish_answer(self, text: str) -> None:
        self._log.append(AnswerDelta, delta=text, logprobs=self._answer.take_logprobs())
