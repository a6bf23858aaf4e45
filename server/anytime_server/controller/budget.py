"""The thinking budget as a pure state machine. Every engine adapter is tested against it.

    THINKING --(natural close | budget spent | landing)--> CLOSING --> CUE --> ANSWER

The laws it keeps:
- thinking tokens never exceed the budget, and equal it when thinking was cut by a hard budget;
- the closing is forced token by token, and so is the cue of a short answer;
- the close marker is found in the text, whatever tokens spell it; a token that completes it may run past it, and what
  it spells beyond is the beginning of the answer. Where the marker begins inside a token, that token is thinking,
  unless it completes the marker too;
- before `min_budget` thinking tokens the model can neither close its thinking nor end the sequence;
- inside the landing window thinking is cut at the first sentence end;
- a cut inside a close marker that the model has begun completes that marker, so that the thinking under a budget is
  always a prefix of the thinking under a larger one; a marker begun before `min_budget` can't be completed, so it is
  thinking;
- once the thinking was closed for the model, it can't be opened again in the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from anytime_server.controller.constraints import FREE, Constraint, Forbid, Force
from anytime_server.controller.errors import ForcedTokenError
from anytime_server.controller.format import ThinkingFormat
from anytime_server.controller.search import ROOT, Standing


class Phase(StrEnum):
    """Where a generation stands: which kind the next token is."""

    THINKING = "thinking"
    CLOSING = "closing"
    CUE = "cue"
    ANSWER = "answer"


class Ending(StrEnum):
    """Why the state machine left the thinking phase."""

    NATURAL = "natural"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """How long one generation may think, and how its answer starts.

    Attributes:
        budget: the most thinking tokens.
        min_budget: thinking tokens before which the model may not close.
        landing: length in tokens of the window before the budget in which a sentence end is taken as the cut.
        short_answer: whether the cue is forced after the close marker.
        sentence_end_ids: token ids that end a sentence; read only if `landing` > 0.
    """

    budget: int
    min_budget: int = 0
    landing: int = 0
    short_answer: bool = False
    sentence_end_ids: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Check the numbers against each other."""
        if self.budget < 0:
            raise ValueError(f"budget must be >= 0, not {self.budget}")
        if not 0 <= self.min_budget <= self.budget:
            raise ValueError(f"min_budget must be between 0 and the budget ({self.budget}), not {self.min_budget}")
        if self.landing < 0:
            raise ValueError(f"landing must be >= 0, not {self.landing}")


class BudgetState:
    """The state of one generation under a policy, fed token by token.

    Reading `constraint()` changes nothing; `observe(token)` moves on. One state belongs to one generation and is not
    shared between threads.

    Attributes:
        phase: which kind the next token is.
        ending: why the thinking ended; None while it goes on.
        spent: thinking tokens so far, those included that may yet turn out to be a close marker.
        overlap: bytes at the end of the last thinking token that belong to a close marker, begun or whole.
        lead: bytes at the beginning of the token that completed the close marker which are thinking.
        overrun: bytes of that token up to the marker's end: what it spells beyond them is answer.
    """

    __slots__ = (
        "_forced",
        "_guarded",
        "_kept",
        "_node",
        "ending",
        "format",
        "lead",
        "overlap",
        "overrun",
        "phase",
        "policy",
        "spent",
    )

    def __init__(self, policy: BudgetPolicy, format: ThinkingFormat, trunk_ids: Sequence[int] = ()) -> None:
        """Start, or go on after the thinking tokens `trunk_ids` (without a close marker)."""
        self.policy = policy
        self.format = format
        self.phase = Phase.THINKING
        self.ending: Ending | None = None
        self.overlap = self.lead = self.overrun = 0
        self._forced: tuple[int, ...] = ()
        self._guarded = False
        self._node = ROOT
        begin = max(0, len(trunk_ids) - format.close_search.reach)
        self.spent = self._kept = begin
        for token in trunk_ids[begin:]:
            if self._search(token) is not None:
                # Only a trunk that went on past its own end holds a whole marker: there it is thinking.
                self._kept = self.spent
        self._cut_if_due(trunk_ids[-1] if trunk_ids else None)

    @classmethod
    def answering(cls, policy: BudgetPolicy, format: ThinkingFormat, answered: Sequence[int] = ()) -> "BudgetState":
        """Return the state of a generation whose prompt has closed the thinking already: what comes is the answer.

        It goes on behind the tokens `answered`.
        """
        state = cls(policy, format)
        state._forced, state._guarded = (), True
        state.phase, state.ending = Phase.ANSWER, Ending.BUDGET
        for token in answered[max(0, len(answered) - format.open_search.reach) :]:
            state.observe(token)
        return state

    @property
    def pending(self) -> int:
        """Thinking tokens counted in `spent` that may yet turn out to be the start of the close marker."""
        return self.spent - self._kept if self.phase is Phase.THINKING else 0

    @property
    def forces(self) -> bool:
        """Whether the next token is forced."""
        return bool(self._forced)

    @property
    def was_cut(self) -> bool:
        """Whether the thinking was closed for the model, by the budget or because it had ended the sequence."""
        return self._guarded

    def constraint(self) -> Constraint:
        """Return what the next token may be."""
        if self._forced:
            return Force(self._forced[0])
        if self.phase is Phase.THINKING and self._kept < self.policy.min_budget:
            return _forbid((*self.format.close_search.completing(self._node), *self.format.eos_ids))
        if self.phase is Phase.ANSWER and self._guarded:
            return _forbid(self.format.open_search.completing(self._node))
        return FREE

    def observe(self, token: int) -> Phase:
        """Move past `token` and return the phase it was generated in.

        Raises:
            ForcedTokenError: if another token was forced here.
        """
        phase = self.phase
        if self._forced:
            self._take_forced(token)
        elif phase is Phase.THINKING:
            self._think(token)
        elif phase is Phase.CLOSING:
            if token in self.format.eos_ids:
                self._finish(Ending.NATURAL, self.format.closing_ids)
            else:
                self._go_on_closing(token)
        elif phase is Phase.ANSWER and self._guarded:
            self._node = self.format.open_search.move(self._node, token).node
        return phase

    def _think(self, token: int) -> None:
        if token in self.format.eos_ids:
            self._finish(Ending.NATURAL, self.format.closing_ids)
        elif (ended_at := self._search(token)) is not None:
            self._finish(Ending.NATURAL, ())
            self._end_of_marker(token, ended_at)
        else:
            self._cut_if_due(token)

    def _search(self, token: int) -> int | None:
        """Count a thinking token; return after how many of its bytes the close marker is found, or None."""
        move = self.format.close_search.move(self._node, token)
        self._node, self.lead = move.node, 0
        self.spent += 1
        if move.standing is Standing.BEGINS:
            self._kept, self.overlap = self.spent - 1, 0
        elif move.standing is Standing.OUTSIDE:
            self._kept, self.overlap = self.spent, self.format.close_search.depth(move.node)
        if move.ended_at is not None:
            self.lead = move.before
        return move.ended_at

    def _end_of_marker(self, token: int, found_at: int) -> None:
        """The model's own marker was found: it is whole, unless a header has still to come to its end."""
        tail = self.format.tail_search
        if tail is None:
            self.overrun = found_at
        else:
            self._forced, self.phase = (), Phase.CLOSING
            self._go_on_closing(token, found_at)

    def _go_on_closing(self, token: int, begin: int = 0) -> None:
        tail = self.format.tail_search
        assert tail is not None
        move = tail.move(self._node, token, begin)
        self._node = move.node
        if move.ended_at is not None:
            self.overrun = move.ended_at
            self._forced = self._cue()
            self.phase = self._after_closing()

    def _cut_if_due(self, last: int | None) -> None:
        left = self.policy.budget - self.spent
        landed = left <= self.policy.landing and self.spent >= max(1, self.policy.min_budget)
        if left <= 0 or (landed and last in self.policy.sentence_end_ids):
            self._cut()

    def _cut(self) -> None:
        """Cut the thinking where it stands: complete a close marker that has begun, else force the closing."""
        completion = self.format.completion_at(self._node)
        if completion is not None and self._kept >= self.policy.min_budget:
            self._finish(Ending.NATURAL, completion)
        else:
            self._kept, self.overlap = self.spent, 0
            self._finish(Ending.BUDGET, self.format.closing_ids)

    def _finish(self, ending: Ending, closing: tuple[int, ...]) -> None:
        self.ending = ending
        self.spent = self._kept
        self._node = ROOT
        self._guarded = bool(closing)
        self._forced = (*closing, *self._cue())
        self.phase = Phase.CLOSING if closing else self._after_closing()

    def _cue(self) -> tuple[int, ...]:
        return self.format.cue_ids if self.policy.short_answer else ()

    def _after_closing(self) -> Phase:
        return Phase.CUE if self._forced else Phase.ANSWER

    def _take_forced(self, token: int) -> None:
        if token != self._forced[0]:
            raise ForcedTokenError(f"the engine emitted token {token} where {self._forced[0]} was forced")
        self._forced = self._forced[1:]
        closed = len(self._forced) <= len(self._cue())
        if not self._forced:
            self.phase = Phase.ANSWER
        elif closed:
            self.phase = Phase.CUE


def _forbid(tokens: tuple[int, ...]) -> Constraint:
    return Forbid(tokens) if tokens else FREE
