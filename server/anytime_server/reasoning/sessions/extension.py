"""Extensions that came under an idempotency key: whoever repeats one asks for nothing new."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extension:
    """What was asked for under an idempotency key: so many tokens, or so many more if `relative`."""

    key: str
    budget: int
    relative: bool
