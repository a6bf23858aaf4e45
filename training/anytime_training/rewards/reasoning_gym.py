"""The scorers of reasoning_gym as a verifier.

A scorer gives a score from 0 to 1 to an answer, and some to no answer at all: junk earns 0.01 in countdown. So an
answer is right from a threshold on, and wrong below it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anytime_server.values import after_cue, last_boxed
from anytime_server.values.boxes import has_box
from anytime_server.values.markup import undressed
from anytime_training import gym
from anytime_training.rewards.verifiers import Verifier

JUNK = (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError)
"""What scorers raise at answers that they can't read."""


@dataclass(frozen=True)
class GymScorer:
    """The scorer of a data set; `load` makes it in each worker process.

    Attributes:
        name: the data set.
        config: its configuration, which some scorers look at.
        threshold: the score from which on an answer is right.
        cue: the text that answers begin with, if they do.
    """

    name: str
    config: Mapping[str, Any]
    threshold: float
    cue: str = ""

    def __str__(self) -> str:
        """How errors name it."""
        return f"reasoning_gym:{self.name}"

    def load(self) -> Verifier:
        """Make the verifier: `(answer, accepted, entry) -> bool`.

        Raises:
            DataError: if the library is missing, or the name or the configuration is refused.
        """
        data_set = gym.make_data_set(self.name, self.config)

        def verify(answer: str, accepted: Sequence[str], entry: str) -> bool:
            original = gym.from_json(entry)
            return any(_score(data_set, text, original) >= self.threshold for text in said(answer, self.cue))

        return verify


def said(answer: str, cue: str = "") -> list[str]:
    """What an answer says, as scorers want it: the value alone. A line stands for itself with and without its dress."""
    tail = after_cue(answer, cue) or answer
    if has_box(tail):
        return [last_boxed(tail) or ""]
    text = tail.strip()
    return [text] if "\n" in text else list(dict.fromkeys((text, undressed(text))))


def _score(data_set: Any, answer: str, entry: Any) -> float:
    try:
        return float(data_set.score_answer(answer, entry))
    except JUNK:
        return 0.0
