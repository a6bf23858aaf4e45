"""One trunk as a session reads it: what has come of it so far."""

from collections.abc import Sequence
from sys import getsizeof

from anytime_client.protocol import CheckpointAnswer, TrunkReport, Usage
from anytime_server.controller.load import Promise
from anytime_server.reasoning.answers.best import BestAnswer
from anytime_server.reasoning.branches.interims import InterimAnswers
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.tally import Tally
from anytime_server.reasoning.trunk.course import Course
from anytime_server.reasoning.trunk.transcript import Transcript


class TrunkView:
    """What a trunk has come to.

    Attributes:
        transcript: what it has written.
        trunk: its thinking.
        course: how far it may go, and why its thinking ended.
        interims: its interim answers.
        tally: its tokens.
        watch: the session's.
        deadline: the session's.
        best: its best answer so far.
    """

    def __init__(
        self, plan: Plan, transcript: Transcript, course: Course, interims: InterimAnswers, tally: Tally, common: Common
    ) -> None:
        """Read these."""
        self._plan = plan
        self.transcript = transcript
        self.trunk = transcript.trunk
        self.course = course
        self.interims = interims
        self.tally = tally
        self.watch = common.watch
        self.deadline = common.deadline
        self.best = BestAnswer(plan, lambda: transcript.answer, interims.answers)

    @property
    def spent(self) -> int:
        """Thinking tokens so far."""
        return len(self.trunk.ids)

    @property
    def thinking(self) -> str:
        """The thinking so far, as text."""
        return self.trunk.text

    @property
    def text_bytes(self) -> int:
        """What the thinking takes in memory, as text."""
        return getsizeof(self.trunk.text)

    @property
    def thinks(self) -> bool:
        """Whether its thinking goes on, and nothing has been decided to end it."""
        return self.course.reason is None and self._plan.thinks

    @property
    def answers(self) -> Sequence[CheckpointAnswer]:
        """The interim answers so far."""
        return self.interims.answers

    @property
    def longest_interim(self) -> int:
        """Tokens of the longest interim answer so far; the most one may have, until there is one."""
        return self.interims.longest

    @property
    def due(self) -> tuple[int, ...]:
        """The thinking lengths at which interim answers are still to come."""
        return self.interims.due

    def usage(self) -> Usage:
        """Return the tokens so far, by role."""
        return self.tally.usage(thinking=self.spent)

    def reports(self) -> tuple[TrunkReport, ...] | None:
        """Return how each of several trunks stands; None of the only one."""
        return None

    def promise(self) -> Promise | None:
        """Return what remains to be kept of the deadline; None if there is none, or an answer."""
        if self.deadline.at is None or self.answers:
            return None
        until = self.due[0] if self.due else self.spent
        return Promise(self.deadline.left_s, max(0, until - self.spent), begun="first_token_ms" in self.watch.marks)

    def answer_goes_out(self) -> bool:
        """Return whether a full answer has begun."""
        return self._plan.request.answer == "full" and self._answers_now()

    def _answers_now(self) -> bool:
        return self.transcript.in_answer and not self.course.changed
