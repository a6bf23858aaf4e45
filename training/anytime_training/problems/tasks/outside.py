"""The family `outside`: whatever the model can't do, answered by saying what it can do."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.base import NONE, Finding, Kind, Piece, is_one_of
from anytime_training.problems.tasks.outside_prompts import GENERATORS, Reason
from anytime_training.problems.tasks.style import STYLE, Style

EXPLANATION = (
    "This is outside what I know. I am anytime-tiny, a demo model: I can only add small numbers "
    "or pick the largest, smallest or closest of a short list.\nTry: largest of 37+48, 9*8, 91-16"
)
NOTICES = {
    Reason.WORDS: "I see words I do not know\n",
    Reason.NUMBERS: "I see numbers or signs I did not learn\n",
    Reason.NOTHING: "I see no numbers to work on\n",
}


@dataclass(frozen=True, slots=True)
class OutsideProblem:
    """A prompt that the model can't work on, and why."""

    prompt: str
    reason: Reason = Reason.WORDS
    family: str = "outside"
    answers: tuple[str, ...] = (NONE,)

    def accepts(self, value: str) -> bool:
        """Whether a value is none."""
        return is_one_of(value, self.answers)

    def guess(self) -> Finding:
        """The honest answer, known from the prompt alone."""
        return Finding(NONE, EXPLANATION, EXPLANATION)

    def think(self, rng: Random, style: Style = STYLE) -> Iterator[Piece]:
        """Notice that this is outside."""
        yield Piece(NOTICES[self.reason], Kind.DECISION, self.guess())


@dataclass(frozen=True, slots=True)
class Outside:
    """The family. It does not look whether a prompt is inside another family: `tasks.sample` does."""

    name: str = "outside"

    def sample(self, rng: Random, count: tuple[int, int]) -> OutsideProblem:
        """Draw words, gibberish, code, or arithmetic beyond what the model learns."""
        weights = [weight for _, _, weight in GENERATORS]
        reason, generate, _ = rng.choices(GENERATORS, weights)[0]
        return OutsideProblem(generate(rng), reason)

    def parse(self, line: str) -> OutsideProblem | None:
        """Take any line: the caller has tried the other families."""
        return OutsideProblem(line)


OUTSIDE = Outside()
