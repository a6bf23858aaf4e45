"""What a rule would have made of recorded trunks: the controller's own rules, on the same draws as all others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anytime_server.controller import Ballot, InterimVerdict, Outcome, PruningRule, StoppingRule, count
from anytime_server.values import same_value
from trunks_parts.records import Record, Said, Thought


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one question.

    Attributes:
        right: whether the winner is, 0..1.
        total: thinking tokens of all trunks.
        sequential: those of the longest.
    """

    right: float
    total: int
    sequential: int


def majority(record: Record, trunks: int, share: int) -> Played:
    """Let each of the first `trunks` think up to `share` tokens, and vote."""
    thoughts = record.thoughts[:trunks]
    spent = [min(thought.length, share) for thought in thoughts]
    return Played(_right([thought.by(share) for thought in thoughts]), sum(spent), max(spent))


def ruled(
    record: Record,
    every: int,
    stopping: StoppingRule,
    pruning: PruningRule | None = None,
    enough: int | None = None,
) -> Played:
    """Let all trunks think until the rules end it, with a vote every so many tokens, or until `enough` are done."""
    thoughts = record.thoughts
    ends = [thought.length for thought in thoughts]
    outcomes: list[Outcome] = []
    verdicts: list[InterimVerdict] = []
    for at in _checkpoints(record, every):
        if all(end <= at for end in ends) or _are_done(thoughts, ends, enough, at):
            break
        said = [thought.by(min(at, end)) for thought, end in zip(thoughts, ends, strict=True)]
        outcome = _count(said)
        stood = verdicts[-1].stable_for + 1 if outcomes and same_value(outcomes[-1].value, outcome.value) else 1
        outcomes.append(outcome)
        done_by_now = {index for end, index in _done(thoughts, ends) if end <= at}
        done = sum(one.trunk in done_by_now for one in outcome.ballots)
        verdicts.append(InterimVerdict(outcome.confidence, stood, at, outcome.consensus, done))
        if stopping(verdicts) is not None:
            ends = [min(end, at) for end in ends]
            break
        thinking = [index for index, end in enumerate(ends) if end > at]
        for index in pruning(outcomes, thinking) if pruning is not None else ():
            ends[index] = at
    if enough is not None and len(done := _done(thoughts, ends)) >= enough:
        last, _ = done[enough - 1]
        ends = [min(end, last) for end in ends]
        voting = {index for _, index in done[:enough]}
    else:
        voting = set(range(len(thoughts)))
    said = [thoughts[index].by(ends[index]) for index in sorted(voting)]
    return Played(_right(said), sum(ends), max(ends))


def _done(thoughts: Sequence[Thought], ends: Sequence[int]) -> list[tuple[int, int]]:
    """The trunks that come to be done, the shortest first: their lengths and numbers."""
    return sorted(
        (end, index)
        for index, (thought, end) in enumerate(zip(thoughts, ends, strict=True))
        if thought.done and end == thought.length
    )


def _are_done(thoughts: Sequence[Thought], ends: Sequence[int], enough: int | None, at: int) -> bool:
    return enough is not None and sum(end <= at for end, _ in _done(thoughts, ends)) >= enough


def _checkpoints(record: Record, every: int) -> Iterator[int]:
    return iter(range(every, max(thought.length for thought in record.thoughts), every))


def _count(said: Sequence[Said | None]) -> Outcome:
    cast = [Ballot(index, one.value, one.confidence) for index, one in enumerate(said) if one is not None]
    return count(cast, same_value)


def _right(said: Sequence[Said | None]) -> float:
    if not any(said):
        return 0.0
    winner = said[_count(said).trunk]
    assert winner is not None
    return winner.right
