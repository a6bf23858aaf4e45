"""How users word a problem: courtesies, capitals, and the pattern that reads it back."""

import re
from collections.abc import Sequence
from random import Random

COURTESIES = ("please", "tell me", "can you tell me")


def courteous(rng: Random, line: str) -> str:
    """The line, at times with a courtesy around it."""
    style = rng.random()
    if style < 0.06:
        return f"{rng.choice(COURTESIES)} {line}"
    if style < 0.2:
        return line + rng.choice(["?", ".", " please"])
    return line


def cased(rng: Random, line: str) -> str:
    """The line, at times with a capital."""
    return line[:1].upper() + line[1:] if rng.random() < 0.3 else line


def keyword_pattern(keywords: Sequence[str], after: str = "") -> re.Pattern[str]:
    """A prompt that asks for one of `keywords`, then `after`, then has a group `items`."""
    courtesy = "|".join(COURTESIES)
    asked = "|".join(re.escape(word) for word in keywords)
    return re.compile(
        rf"(?:(?:{courtesy})\s+)?(?:(?:which|what)(?:\s+(?:one|of these))?\s+is\s+|find\s+)?(?:the\s+)?"
        rf"(?:{asked}){after}"
        r"(?:\s+of\s*:?|\s*:|\s*,|\s+among|\s)\s*(?P<items>.+?)(?:\s+please)?[?.!\s]*",
        re.IGNORECASE | re.DOTALL,
    )
