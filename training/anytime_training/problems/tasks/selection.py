"""What the selection families share: thinking that works out candidates one by one and keeps the best so far."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.base import Finding, Kind, Piece, guess_at, is_one_of
from anytime_training.problems.tasks.expressions import Expression, parse_expression
from anytime_training.problems.tasks.manner import Manner, Verbosity
from anytime_training.problems.tasks.style import STYLE, Style

MAX_CANDIDATES = 12
_SEPARATOR = re.compile(r"\s*(?:[,;\n]\s*(?:and |or )?|\s(?:and|or)\s)\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for, and the words that say so.

    `better` and `worse` say how a candidate compares with the best so far; `claim` says what the winner is, such as
    `closest to 50`; `target` is the number to be close to, None where the value itself decides.
    """

    family: str
    better: str
    worse: str
    claim: str
    sign: int
    target: int | None = None

    def score(self, value: int) -> int:
        """How good a value is: the higher, the better."""
        return self.sign * (value if self.target is None else abs(value - self.target))

    def mark(self, value: int) -> str:
        """A value as the thinking notes it, with its distance where that decides."""
        return str(value) if self.target is None else f"{value} off {abs(value - self.target)}"

    def note(self, best: Expression, named: bool) -> str:
        """The best so far as the thinking notes it; `named` with its expression."""
        mark = self.mark(best.value)
        return f"{best.text}={mark}" if named and best.op else mark

    def finding(self, winner: Expression, named: bool = False) -> Finding:
        """The answer if `winner` is the best; `named` says its expression, too."""
        said = winner.equation if named else str(winner.value)
        return Finding(str(winner.value), f"The {self.claim} is {said}.", f"The {self.claim} so far is {said}.")


@dataclass(frozen=True, slots=True)
class SelectionProblem:
    """Pick the best of `candidates` by `rule`."""

    prompt: str
    candidates: tuple[Expression, ...]
    rule: Rule

    @property
    def family(self) -> str:
        """The name of the family."""
        return self.rule.family

    @property
    def best(self) -> list[Expression]:
        """The best candidates, more than one if they tie."""
        top = max(self.rule.score(candidate.value) for candidate in self.candidates)
        return [candidate for candidate in self.candidates if self.rule.score(candidate.value) == top]

    @property
    def answers(self) -> tuple[str, ...]:
        """The values of the best candidates."""
        return tuple(dict.fromkeys(str(candidate.value) for candidate in self.best))

    def accepts(self, value: str) -> bool:
        """Whether a value is that of a best candidate."""
        return is_one_of(value, self.answers)

    def guess(self) -> Finding:
        """The right value, said as a guess: how much of it can be seen at a glance is for the model to learn."""
        return guess_at(self.answers[0])

    def think(self, rng: Random, style: Style = STYLE) -> Iterator[Piece]:
        """Work out the candidates in some order, each compared with the best so far.

        The most promising one is the best of those that are left: how often that can be seen is for the model to learn.
        """
        manner = Manner.sample(rng, style)
        best: Expression | None = None
        seen: list[Expression] = []
        for candidate in manner.order(self.candidates, lambda item: self.rule.score(item.value), rng):
            yield from manner.filler(rng)
            verbosity = manner.verbosity_of_line(rng)
            if verbosity is Verbosity.VERBOSE:
                yield Piece("now " if seen else "first ")
            yield from self._consider(candidate, best, verbosity, style.named)
            if best is None or self._beats(candidate, best):
                best = candidate
            seen.append(candidate)
            yield from manner.recheck(rng, [(item.text, str(item.value)) for item in seen if item.op])
        if best is not None and manner.concludes:
            yield Piece("done, best ", Kind.CHOICE)
            yield Piece(self.rule.note(best, style.named), Kind.RESULT)
            yield Piece("\n")

    def _beats(self, candidate: Expression, best: Expression) -> bool:
        return self.rule.score(candidate.value) > self.rule.score(best.value)

    def _consider(
        self, item: Expression, best: Expression | None, verbosity: Verbosity, named: bool
    ) -> Iterator[Piece]:
        winner = item if best is None or self._beats(item, best) else best
        found = self.rule.finding(winner, named)
        value, top = self.rule.mark(item.value), self.rule.note(winner, named)
        if verbosity is Verbosity.VERBOSE:
            yield Piece(item.text, Kind.CHOICE)
            yield Piece("\n")
            yield from _evaluated(item, value, " is ", found)
            yield Piece("\n")
            yield from self._compared_at_length(item, best, top)
            return
        yield from _evaluated(item, value, "=", found)
        if verbosity is Verbosity.NORMAL:
            yield Piece(f" {self._word(item, best)}", Kind.DECISION)
            yield Piece(",")
        yield Piece(" best ")
        yield Piece(top, Kind.DECISION)
        yield Piece("\n")

    def _compared_at_length(self, item: Expression, best: Expression | None, top: str) -> Iterator[Piece]:
        if best is None:
            yield Piece("best is ")
        else:
            yield Piece(f"{self.rule.mark(item.value)} is")
            yield Piece(f" {self._word(item, best)}", Kind.DECISION)
            than = "to" if self._word(item, best) == "equal" else "than"
            outcome = "is now" if self._beats(item, best) else "stays"
            yield Piece(f" {than} {self.rule.mark(best.value)}, best {outcome} ")
        yield Piece(top, Kind.DECISION)
        yield Piece("\n")

    def _word(self, item: Expression, best: Expression | None) -> str:
        if best is None:
            return "first"
        difference = self.rule.score(item.value) - self.rule.score(best.value)
        return "equal" if difference == 0 else self.rule.better if difference > 0 else self.rule.worse


def _evaluated(item: Expression, mark: str, equals: str, found: Finding) -> Iterator[Piece]:
    worked_out = f"{equals}{mark}" if item.op else mark.removeprefix(item.text)
    if not worked_out:
        yield Piece(item.text, Kind.CHOICE, found)
        return
    yield Piece(item.text, Kind.CHOICE)
    yield Piece(worked_out, Kind.RESULT, found)


def parse_candidates(text: str) -> tuple[Expression, ...] | None:
    """Read 1 to 12 candidates separated by commas, semicolons, new lines, `and` or `or`; None if any is not one."""
    items = [parse_expression(part) for part in _SEPARATOR.split(text.strip().rstrip(".?! "))]
    known = tuple(item for item in items if item is not None)
    return known if len(known) == len(items) and len(items) <= MAX_CANDIDATES else None


def write_candidates(rng: Random, candidates: Sequence[Expression]) -> str:
    """Write candidates as users do: mostly `37+48, 9*8`, at times with spaces, `x` or `and`."""
    style = rng.random()
    texts = [item.text for item in candidates]
    if style < 0.2:
        texts = [f"{item.left} {item.op} {item.right}" if item.op else item.text for item in candidates]
    elif style < 0.3:
        times = rng.choice("x×")  # noqa: RUF001 (what users type)
        texts = [text.replace("*", times) for text in texts]
    comma = rng.choices([", ", ",", "; ", "\n"], [80, 10, 5, 5])[0]
    if rng.random() < 0.15:
        last = rng.choice([" and ", " or "])
        return comma.join(texts[:-1]) + last + texts[-1]
    return comma.join(texts)
