"""What the engine generates on a trunk, taken in token by token: thinking, closing and answer, each to its reader."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import aclosing

from anytime_client.protocol import AnswerDelta, CheckpointAnswer, ThinkingDelta
from anytime_server.controller import Phase
from anytime_server.engines import Chunk, EngineRequest
from anytime_server.reasoning.branches.interims import InterimAnswers
from anytime_server.reasoning.deadlines.measured import Measured
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.surroundings.tally import Tally
from anytime_server.reasoning.text.coalescer import Coalescer
from anytime_server.reasoning.trunk.account import Account
from anytime_server.reasoning.trunk.course import Course
from anytime_server.reasoning.trunk.transcript import Transcript
from anytime_server.reasoning.trunk.view import TrunkView
from anytime_server.reasoning.trunk.vigil import Vigil

Publish = Callable[..., None]
"""Appends an event to the session's log."""


class Intake(TrunkView, ABC):
    """Takes in the tokens of engine requests: branches where they come to checkpoints, and publishes the text.

    Attributes:
        account: what a store keeps of it all, and a restore goes by.
    """

    def __init__(self, plan: Plan, around: Surroundings, common: Common, publish: Publish, limit: int | None) -> None:
        """Prepare to take in one trunk, which has `common` things with those beside it, if there are any.

        No more thinking is granted than `limit`.
        """
        self._engine = around.engine
        self._publish = publish
        self._patience = common.patience
        self._measured = Measured(around.speed)
        tokenizer, flush_s = around.engine.tokenizer, around.settings.flush_s
        course, tally = Course(plan, around.settings.landing, limit), Tally(prompt=len(plan.prompt_ids))
        transcript = Transcript(common.session_id, plan, tokenizer, keeps_steps=common.keeps_steps)
        interims = InterimAnswers(plan, around, common, tally, self._publish_checkpoint)
        super().__init__(plan, transcript, course, interims, tally, common)
        self.interims.schedule(self.course.granted)
        self._vigil = Vigil(plan.watching, tokenizer.vocabulary)
        self.account = Account(transcript, course, interims, self.best, tally, self.watch, self._vigil)
        self._thinking_text = Coalescer(self.trunk.take_text, self._publish_thinking, flush_s)
        self._answer_text = Coalescer(transcript.take_answer, self._publish_answer, flush_s)

    def flush(self) -> None:
        """Tell what was held back to be coalesced."""
        self._thinking_text.flush()
        self._answer_text.flush()
        if self.transcript.answer.leaves_logprobs:
            self._publish_answer("")

    @abstractmethod
    def _publish_checkpoint(self, answer: CheckpointAnswer) -> None:
        """Have an interim answer accepted, and tell of it."""

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
                if self.course.changed or self.best.is_whole:
                    return
                if self.transcript.in_answer and not self.transcript.leg.answers:
                    return

    def _take(self, chunk: Chunk, branches: asyncio.TaskGroup) -> None:
        self._hear(chunk)
        alternatives = chunk.alternatives or ((),) * len(chunk.token_ids)
        logprobs = chunk.logprobs or (0.0,) * len(chunk.token_ids)
        for count, (token, logprob, others) in enumerate(
            zip(chunk.token_ids, logprobs, alternatives, strict=True), start=1
        ):
            phase = self.transcript.observe(token, logprob, others, heeded=not self.course.changed)
            closed = phase is Phase.THINKING and self._closes_here()
            if phase is Phase.THINKING:
                self._note_thinking(branches)
            elif phase is Phase.ANSWER:
                self._answer_text.touch()
            if self.trunk.ended and self.course.stop_reason is None and not self.course.changed:
                self._note_the_end()
            if closed:
                self.transcript.drop(len(chunk.token_ids) - count)
                break

    def _hear(self, chunk: Chunk) -> None:
        self._patience.heard()
        self.trunk.queues = False
        self.tally.prefill(chunk)
        self._measured.heard(first="first_token_ms" not in self.watch.marks)
        self.watch.mark("first_token_ms")

    def _closes_here(self) -> bool:
        """Close the thinking after this very token, however many came with it, if the thinking itself says so."""
        reason = None if self.trunk.ended else self._vigil.look(self.trunk.ids)
        if reason is not None:
            self.course.close(reason)
        return reason is not None

    def _note_thinking(self, branches: asyncio.TaskGroup) -> None:
        self._thinking_text.touch()
        self._measured.thought()
        self.deadline.observe(self.spent)
        if self.interims.branch_due(self.trunk.ids, branches):
            self._measured.note(self.spent)
            # So a reader can tell what the interim answer knew.
            self._thinking_text.flush()

    def _note_the_end(self) -> None:
        self.course.ended(self.trunk.state.ending)
        self._measured.note(self.spent)
        self.watch.mark("thinking_ms", again=True)
        self._thinking_text.flush()

    def _publish_thinking(self, text: str) -> None:
        self._publish(ThinkingDelta, delta=text, spent=self.spent)

    def _publish_answer(self, text: str) -> None:
        self._publish(AnswerDelta, delta=text, logprobs=self.transcript.take_logprobs())
