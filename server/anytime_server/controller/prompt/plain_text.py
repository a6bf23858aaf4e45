"""Texts that spell control tokens (`<|im_end|>`, `<think>`), kept from becoming them.

What people, tools and documents say is text, whatever it spells: otherwise a text could end its own turn and begin
another. Where a text begins to spell a control token, a fence is put into the spelling, which no tokenizer can then
read as one token. The fence goes through the chat template with the text, and comes out before it is encoded.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from anytime_server.controller.tokenizer import Tokenizer

_FENCE = secrets.token_hex(8)
"""A word that nobody can guess."""


@dataclass(frozen=True, slots=True)
class Fences:
    """Puts fences after the first character of every match of `spellings`; None has no fences."""

    spellings: re.Pattern[str] | None

    def around(self, value: Any) -> Any:
        """Return `value`, which is as JSON has it, with fences in its texts; names of fields are texts too."""
        if self.spellings is None:
            return value
        if isinstance(value, str):
            return self.spellings.sub(lambda first: first.group() + _FENCE, value)
        if isinstance(value, Mapping):
            return {self.around(name): self.around(inner) for name, inner in value.items()}
        if isinstance(value, Sequence):
            return [self.around(inner) for inner in value]
        return value


def pieces_between_fences(text: str) -> list[str]:
    """Return the pieces of a rendered text, without the fences that stood between them."""
    return text.split(_FENCE)


def without_fences(text: str) -> str:
    """Return `text` as one piece."""
    return text.replace(_FENCE, "")


def control_spellings(tokenizer: Tokenizer, markers: Iterable[str] = ()) -> re.Pattern[str] | None:
    """Return a pattern of the first character of each control token's spelling; None if there are none.

    The thinking's `markers` are spelled too, be they tokens or not: templates look for them in texts. One that begins
    like a word is left alone, since people may well write it.
    """
    spelled = (marker.strip() for marker in markers if not marker.strip()[:1].isalnum())
    return _first_characters(tuple(sorted({*tokenizer.control_tokens, *spelled})))


@lru_cache(maxsize=32)
def _first_characters(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Match the first character alone, so that a word which begins inside another one is found as well."""
    long = [word for word in words if len(word) > 1]
    if not long:
        return None
    branches = [f"{re.escape(head)}(?={_beginning(tails)})" for head, tails in _by_head(long).items()]
    return re.compile("|".join(branches), re.DOTALL)


def _beginning(words: list[str]) -> str:
    """Return a pattern for a text that begins with one of `words`.

    It branches at each character, so matching takes as long as the longest word, and not as long as there are words:
    some vocabularies have a thousand control tokens.
    """
    if "" in words:
        return ""
    branches = [re.escape(head) + _beginning(tails) for head, tails in _by_head(words).items()]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _by_head(words: list[str]) -> dict[str, list[str]]:
    tails: dict[str, list[str]] = {}
    for word in words:
        tails.setdefault(word[0], []).append(word[1:])
    return tails
