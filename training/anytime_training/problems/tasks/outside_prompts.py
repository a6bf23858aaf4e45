"""Prompts that the model can't work on: words, gibberish, code, near misses of its own arithmetic."""

import re
import string
from collections.abc import Callable
from enum import Enum
from random import Random

from anytime_training.problems.tasks.expressions import sample_distinct
from anytime_training.problems.tasks.word_lists import (
    CODE,
    FOLLOW_UPS,
    KEYWORD_PHRASES,
    OTHER_SCRIPTS,
    QUESTION_STARTS,
    WORDS,
)


class Reason(Enum):
    """Why a prompt is outside."""

    WORDS = "words"
    NUMBERS = "numbers"
    NOTHING = "nothing"


def sentence(rng: Random) -> str:
    """An English-looking question or request."""
    words = [_word(rng) for _ in range(rng.randint(1, 9))]
    start = rng.choice([*QUESTION_STARTS, ""])
    line = f"{start} {' '.join(words)}".strip()
    if rng.random() < 0.15:
        line += f" {rng.randint(0, 2030)}"
    return (line[:1].upper() + line[1:] if rng.random() < 0.5 else line) + rng.choice(["", "?", ".", "!"])


def gibberish(rng: Random) -> str:
    """Random characters of one random alphabet."""
    alphabet = rng.choice(
        [string.ascii_lowercase, string.ascii_letters, string.punctuation, string.printable[:95], *OTHER_SCRIPTS]
    )
    text = "".join(rng.choices(alphabet + " ", k=rng.randint(1, 24))).strip()
    return text or "?"


def code(rng: Random) -> str:
    """A line of code with random names and numbers."""
    return rng.choice(CODE).format(a=_word(rng), b=_word(rng), n=rng.randint(0, 99), m=rng.randint(0, 999))


def word_list(rng: Random) -> str:
    """A selection among things that are not numbers."""
    words = [_word(rng) for _ in range(rng.randint(2, 5))]
    if rng.random() < 0.4:
        words[rng.randrange(len(words))] = str(rng.randint(0, 99))
    return f"{rng.choice(KEYWORD_PHRASES)} {', '.join(words)}"


def letters_in_sums(rng: Random) -> str:
    """Arithmetic with a letter or word in it."""
    name = rng.choice([rng.choice(string.ascii_letters), _word(rng)])
    body = rng.choice([f"{name}+{_n(rng)}", f"{_n(rng)}*{name}", f"{_n(rng)}+{_n(rng)}-{name}", f"{_n(rng)}{name}"])
    return _maybe_in_list(rng, body)


def bare_phrase(rng: Random) -> str:
    """A phrase of the domain, or a follow-up, without anything to work on."""
    phrase = rng.choice([*FOLLOW_UPS, *KEYWORD_PHRASES, rng.choice(KEYWORD_PHRASES).rstrip(":")])
    return phrase[:1].upper() + phrase[1:] if rng.random() < 0.3 else phrase


def odd_arithmetic(rng: Random) -> str:
    """Operations, signs and numbers beyond what is learned, alone or within a list."""
    big, small = rng.randint(200, 99999), rng.randint(1, 99)
    less, more = sorted(rng.sample(range(1, 100), 2))
    body = rng.choice(
        [
            f"{more}/{less}",
            f"{big}+{small}",
            f"{big}*{small}",
            f"{small}-{big}",
            f"{rng.randint(13, 99)}*{rng.randint(13, 99)}",
            f"{rng.randint(100, 999)}*{rng.randint(2, 999)}",
            f"{rng.randint(13, 99)}*{rng.randint(2, 12)}",
            f"{rng.randint(2, 12)}*{rng.randint(13, 99)}",
            f"{rng.randint(0, 1)}*{small}",
            f"0+{small}",
            f"{small}+0",
            f"{small}",
            f"{less}-{more}",
            f"{less}-{more}",
            f"{less}.{rng.randint(0, 9)}+{more}",
            f"{less}^{rng.randint(2, 9)}",
            f"{less}**{rng.randint(2, 9)}",
            f"({less}+{more})*{rng.randint(2, 9)}",
            f"{less}%{more}",
            f"{less}*{more}+{small}",
            f"{small}+{less}*{more}",
            f"{more}!",
            f"sqrt({more})",
            f"-{more}",
            f"{less}+",
            f"{less}+{more}={small}",
            f"{less}={more}",
            f"{less}>{more}",
            f"{big}",
            f"{less}+*{more}",
        ]
    )
    if rng.random() < 0.2:
        body = re.sub(r"(?<=\d)([-+*/])(?=\d)", r" \1 ", body)
    return _maybe_in_list(rng, body)


def overlong(rng: Random) -> str:
    """A list of more candidates, or a sum of more terms, than is learned."""
    if rng.random() < 0.5:
        return "+".join(str(_n(rng)) for _ in range(rng.randint(13, 18)))
    items = ", ".join(item.text for item in sample_distinct(rng, rng.randint(13, 18)))
    return f"{rng.choice(KEYWORD_PHRASES)} {items}"


GENERATORS: list[tuple[Reason, Callable[[Random], str], float]] = [
    (Reason.WORDS, sentence, 22),
    (Reason.WORDS, gibberish, 8),
    (Reason.WORDS, code, 6),
    (Reason.WORDS, word_list, 8),
    (Reason.WORDS, letters_in_sums, 10),
    (Reason.NOTHING, bare_phrase, 7),
    (Reason.NUMBERS, odd_arithmetic, 40),
    (Reason.NUMBERS, overlong, 6),
]


def _word(rng: Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(WORDS)
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9)))


def _n(rng: Random) -> int:
    return rng.randint(1, 99)


def _maybe_in_list(rng: Random, body: str) -> str:
    if rng.random() < 0.4:
        return rng.choice(["", "", "what is ", "compute "]) + body
    items = [item.text for item in sample_distinct(rng, rng.randint(1, 4))]
    items.insert(rng.randint(0, len(items)), body)
    return f"{rng.choice(KEYWORD_PHRASES)} {', '.join(items)}"
