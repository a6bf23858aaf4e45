"""Several trunks as a session reads them: as one, and each by itself."""

from collections.abc import Sequence

from anytime_client.protocol import CheckpointAnswer, TrunkReport, Usage
from anytime_server.controller.load import Promise
from anytime_server.reasoning.answers.best import BestAnswer
from anytime_server.reasoning.answers.final import AnswerText
from anytime_server.reasoning.panel.account import PanelAccount
from anytime_server.reasoning.panel.member import Member
from anytime_server.reasoning.panel.rounds import Rounds
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.common import Common
from anytime_server.reasoning.surroundings.tally import total
from anytime_server.reasoning.trunk.course import Course


class PanelView:
    """What has come of the trunks so far.

    Attributes:
        members: the trunks, by their numbers.
        rounds: their votes.
        course: how far they may go together, and why their thinking ended.
        watch: the session's.
        deadline: the session's.
        best: the best answer so far.
        account: what a store keeps of them, and a restore goes by.
    """

    def __init__(self, plan: Plan, members: Sequence[Member], rounds: Rounds, course: Course, common: Common) -> None:
        """Read these."""
        self._plan = plan
        self.watch = common.watch
        self.deadline = common.deadline
        self.members = members
        self.rounds = rounds
        self.course = course
        self.best = BestAnswer(plan, self._written, rounds.answers)
        self.account = PanelAccount(members, course, rounds, self.best)

    @property
    def spent(self) -> int:
        """Thinking tokens so far, of all trunks."""
        return sum(member.spent for member in self.members)

    @property
    def thinking(self) -> str:
        """The thinking of the trunk that stands for the answer, as text."""
        return self.members[self._foremost].thinking

    @property
    def text_bytes(self) -> int:
        """What the thinking takes in memory, as text."""
        return sum(member.text_bytes for member in self.members)

    @property
    def thinks(self) -> bool:
        """Whether the thinking goes on, and nothing has been decided to end it."""
        return self.course.reason is None

    @property
    def answers(self) -> Sequence[CheckpointAnswer]:
        """What came of the votes so far."""
        return self.rounds.answers

    @property
    def longest_interim(self) -> int:
        """Tokens of the longest interim answer of a trunk so far; the most one may have, until there is one."""
        known = (member.interims.longest for member in self.members if member.interims.answers)
        return max(known, default=self._plan.max_interim_tokens)

    @property
    def due(self) -> tuple[int, ...]:
        """The thinking lengths of a trunk at which votes are still to come."""
        return self.rounds.due

    def usage(self) -> Usage:
        """Return the tokens so far, by role."""
        return total([member.usage() for member in self.members])

    def reports(self) -> tuple[TrunkReport, ...]:
        """Return how each trunk stands."""
        return tuple(member.report() for member in self.members)

    def promise(self) -> Promise | None:
        """Return what remains to be kept of the deadline; None if there is none, or an answer."""
        if self.deadline.at is None or self.answers:
            return None
        behind = min((member.spent for member in self.members if not member.is_done), default=0)
        until = max(0, self.due[0] - behind) if self.due else 0
        return Promise(self.deadline.left_s, until, begun="first_token_ms" in self.watch.marks)

    def answer_goes_out(self) -> bool:
        """Return whether a full answer has begun."""
        speaker = self.account.speaker
        return speaker is not None and self.members[speaker].answer_goes_out()

    @property
    def _foremost(self) -> int:
        """The trunk that stands for the best answer so far."""
        if self.account.speaker is not None:
            return self.account.speaker
        return (self.rounds.answers[-1].trunk or 0) if self.rounds.answers else 0

    def _written(self) -> AnswerText | None:
        speaker = self.account.speaker
        return None if speaker is None else self.members[speaker].transcript.answer
