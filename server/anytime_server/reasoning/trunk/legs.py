"""A trunk in legs: which engine request comes next, until the thinking has ended and the answer is whole.

A leg is one engine request under a budget policy, and goes from thinking over the closing into the answer; a structured
answer is a second request, so that its grammar holds from the first token. Where logprobs slow an engine down, long
thinking begins with a plain leg, which has none: nobody reads those of thinking. The next leg takes over at the last
block of the prefix cache before the budget ends, so that it computes one token anew.

Whatever changes the course (answer now, a settled answer, a larger budget) abandons the leg at its next token and
begins another from the trunk's token log, so there is one mechanism for all of them; and for an engine that died, too:
once it is back, the next leg begins. An answer goes on where it was cut off.
"""

import asyncio
from abc import abstractmethod
from typing import Literal

from anytime_server.controller import BudgetPolicy
from anytime_server.engines import EngineRequest
from anytime_server.errors import EngineDied, EngineError
from anytime_server.reasoning.trunk.intake import Intake
from anytime_server.reasoning.trunk.plain_leg import plain_tokens


class Legs(Intake):
    """Generates leg by leg under a `course` that others may change meanwhile.

    One that `holds` stops where its thinking is closed: whether it answers is for others to say.
    """

    holds = False

    async def go_on(self, branches: asyncio.TaskGroup) -> bool:
        """Generate a leg, and wait for all answers if it is the last; return whether another must follow.

        Raises:
            EngineError: if the engine fails.
        """
        try:
            if await self._run_leg(branches):
                return True
        except EngineDied:
            await self._outlive()
            return True
        await self.interims.finished()
        # The budget may have been raised while the last interim answers came in.
        return self.course.changed

    def limit(self, tokens: int) -> None:
        """Grant no more than `tokens` because of the load, or more again; told once the running leg has ended."""
        self.course.limit(tokens)

    def settle(self) -> None:
        """Book what was generated and is not booked yet, at the end of a run."""
        if self.transcript.legs:
            self._book()

    def ground(self) -> None:
        """Forget the branches that have not published, at the end of a run."""
        self.interims.ground()

    @abstractmethod
    def _regranted(self, before: int) -> None:
        """Take in that the leg which begins goes by the latest grant; the one `before` went by so many tokens."""

    @abstractmethod
    def _tell_leg(self) -> None:
        """Tell that a leg begins."""

    @abstractmethod
    def _tell_resumed(self, cause: Literal["engine", "server"], downtime_ms: float) -> None:
        """Tell that the trunk goes on after a loss."""

    async def _run_leg(self, branches: asyncio.TaskGroup) -> bool:
        """Generate from the trunk on; return whether another leg must follow."""
        if self._is_held:
            self.interims.branch_due(self.trunk.ids, branches)
            return False
        if self.best.is_whole and not self.course.changed:
            # A loss came between the end of the answer and the last of the interim answers.
            self._book()
            self.interims.branch_due(self.trunk.ids, branches)
            return False
        self.transcript.legs += 1
        self._tell_leg()
        request, hands_over = self._next_request()
        self.watch.mark("queued_ms")
        self._measured.asked()
        self.interims.branch_due(self.trunk.ids, branches)
        await self._generate_leg(request, branches)
        if self._is_held:
            return False
        self._book()
        if self.best.is_whole:
            self._measured.answered(short=self._plan.request.answer == "short")
        return self.course.changed or (hands_over and not self.trunk.ended) or self._needs_closing()

    async def _generate_leg(self, request: EngineRequest, branches: asyncio.TaskGroup) -> None:
        """Generate by the leg's request, and by that of its answer if it is another one."""
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
        self._regranted(before)
        return policy

    @property
    def _is_held(self) -> bool:
        """Whether the thinking is closed, and that is all there is to do."""
        return self.holds and self._answers_now()

    def _book(self) -> None:
        self.transcript.leg.book(self.tally, self.spent, answered=self._answers_now())

    def _needs_closing(self) -> bool:
        """After the engine ended a leg: whether the model ended the sequence while it was still to answer."""
        if self.transcript.in_answer:
            if not self.best.is_whole:
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
