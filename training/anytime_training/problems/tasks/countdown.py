"""The family `countdown`: make a number from three others, each used once, with `+ - * /`.

Thinking tries one expression a line and stops at a hit, so the order of the trials is the skill. The answer is an
expression, judged by working it out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.base import Finding, Kind, Piece, guess_at, value_of
from anytime_training.problems.tasks.manner import Manner, Verbosity
from anytime_training.problems.tasks.phrasing import COURTESIES, cased, courteous
from anytime_training.problems.tasks.style import STYLE, Style
from anytime_training.problems.tasks.trials import Trial, same_trial, trials

HIGHEST = 20
"""Of the three numbers."""
MAX_TARGET = 99
ESTIMATE_ERROR = 10
"""Standard deviation of the estimate that the promising order is by."""

_ASKED = re.compile(
    rf"(?:(?:{'|'.join(COURTESIES)})\s+)?(?:how\s+can\s+you\s+)?(?:make|get|reach)\s+(?P<target>\d{{1,2}})\s+"
    r"(?:from|with|using|of)\s*:?\s*(?P<numbers>\d+(?:\s*(?:,\s*(?:and\s+)?|\s+and\s+|\s+)\d+){2})(?:\s+please)?[?.!\s]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CountdownProblem:
    """Make `target` from `numbers`. There is at least one trial that does."""

    prompt: str
    numbers: tuple[int, int, int]
    target: int
    family: str = "countdown"

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What can be tried."""
        return trials(self.numbers)

    @property
    def hits(self) -> list[Trial]:
        """The trials that make the target."""
        return [trial for trial in self.trials if trial.value == self.target]

    @property
    def answers(self) -> tuple[str, ...]:
        """The trials that make the target, as text; other ways to write them are accepted, too."""
        return tuple(trial.text for trial in self.hits)

    def accepts(self, value: str) -> bool:
        """Whether an expression uses the numbers, each once, and makes the target."""
        return same_trial(value, self.answers[0])

    def guess(self) -> Finding:
        """A right expression, said as a guess: how much of it can be seen at a glance is for the model to learn."""
        text = self.answers[0]
        return guess_at(text)

    def think(self, rng: Random, style: Style = STYLE) -> Iterator[Piece]:
        """Try expressions in some order until one makes the target; what is promising is by a rough estimate."""
        manner = Manner.sample(rng, style)
        estimates = {trial: trial.value + round(rng.gauss(0, ESTIMATE_ERROR)) for trial in self.trials}
        order = manner.order(self.trials, lambda trial: -abs(estimates[trial] - self.target), rng)
        for place, trial in enumerate(order):
            yield from manner.filler(rng)
            verbosity = manner.verbosity_of_line(rng)
            if verbosity is Verbosity.VERBOSE:
                yield Piece("now " if place else "first ")
            yield from self._try(trial, verbosity)
            if trial.value == self.target:
                return

    def _try(self, trial: Trial, verbosity: Verbosity) -> Iterator[Piece]:
        """One line. Terse ones work out both operations at once, others the inner one first."""
        hit = trial.value == self.target
        yield Piece(trial.text, Kind.CHOICE)
        if verbosity is not Verbosity.TERSE:
            yield Piece(f"={trial.step}", Kind.RESULT)
        yield Piece(" is " if verbosity is Verbosity.VERBOSE else "=")
        yield Piece(str(trial.value), Kind.RESULT, self._found(trial) if hit else None)
        yield Piece(" done\n" if hit else "\n", Kind.DECISION)

    def _found(self, trial: Trial) -> Finding:
        sentence = f"{trial.text} is {self.target}."
        return Finding(trial.text, sentence, sentence)


@dataclass(frozen=True, slots=True)
class Countdown:
    """The family. Its problems have three numbers, whatever the count of items that is asked for."""

    name: str = "countdown"

    def sample(self, rng: Random, count: tuple[int, int]) -> CountdownProblem:
        """Draw three different numbers up to 20, and a target that an expression of them makes."""
        while True:
            a, b, c = rng.sample(range(1, HIGHEST + 1), 3)
            targets = [trial.value for trial in trials((a, b, c)) if trial.value <= MAX_TARGET]
            if targets:
                target = rng.choice(targets)
                return CountdownProblem(_worded(rng, target, (a, b, c)), (a, b, c), target)

    def parse(self, line: str) -> CountdownProblem | None:
        """Read `make 24 from 3, 7, 8` and the like; None if nothing makes the target."""
        match = _ASKED.fullmatch(line.strip())
        if match is None:
            return None
        a, b, c = map(int, re.findall(r"\d+", match["numbers"]))
        if not all(1 <= number <= HIGHEST for number in (a, b, c)):
            return None
        problem = CountdownProblem(line, (a, b, c), int(match["target"]))
        return problem if problem.hits else None


def judge(answer: str, accepted: Sequence[str]) -> bool:
    """A verifier of answers: whether one is an expression of the same numbers and value as an accepted one.

    Its work is bounded by the longest expression that is read, 60 characters.
    """
    value = value_of(answer)
    return any(same_trial(value, good) for good in accepted)


def _worded(rng: Random, target: int, numbers: Sequence[int]) -> str:
    a, b, c = numbers
    items = rng.choices([f"{a}, {b}, {c}", f"{a}, {b} and {c}", f"{a} {b} {c}", f"{a},{b},{c}"], [70, 15, 10, 5])[0]
    words = ["make {} from {}", "make {} with {}", "get {} from {}", "reach {} using {}", "how can you make {} from {}"]
    line = rng.choices(words, [60, 15, 10, 10, 5])[0].format(target, items)
    return cased(rng, courteous(rng, line))


COUNTDOWN = Countdown()
