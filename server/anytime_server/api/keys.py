"""API keys: where they come from, and what makes one."""

import math
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

MIN_LENGTH = 16
NAME_LENGTH = 12
"""Characters of a client's name: enough to tell keys apart, and far from enough to find one."""
PRINTABLE = re.compile(r"[!-~]+")
SEPARATOR = re.compile(r"[,\n]")


def keys_from(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys in ANYTIME_API_KEYS, or in the file that ANYTIME_API_KEYS_FILE names; blank ones are none.

    Raises:
        ValueError: if both are set, or the file can't be read or holds no key.
    """
    text, file = environ.get("ANYTIME_API_KEYS", ""), environ.get("ANYTIME_API_KEYS_FILE", "")
    if not file:
        return parse_keys(text)
    if text.strip():
        raise ValueError("set ANYTIME_API_KEYS or ANYTIME_API_KEYS_FILE, not both")
    try:
        keys = parse_keys(Path(file).read_text())
    except OSError as error:
        raise ValueError(f"can't read ANYTIME_API_KEYS_FILE: {error}") from error
    if not keys:
        raise ValueError(f"ANYTIME_API_KEYS_FILE {file} holds no key")
    return keys


def parse_keys(text: str) -> tuple[str, ...]:
    """Return the keys in a text that separates them by commas or line breaks; a blank text holds none."""
    return tuple(key.strip() for key in SEPARATOR.split(text.strip())) if text.strip() else ()


def client_name(key: str) -> str:
    """Return the name of whoever has a key, which doesn't tell it."""
    return sha256(key.encode()).hexdigest()[:NAME_LENGTH]


def weights_of(keys: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Return the weights of clients by name, given those of `keys` in their order; the last ones may be left out.

    Raises:
        ValueError: if there is nobody to share with, or the weights don't fit the keys.
    """
    if not keys:
        raise ValueError("--fair-share tells clients apart by their API keys: set ANYTIME_API_KEYS, or leave it out")
    if len(weights) > len(keys):
        raise ValueError(f"--key-weights has {len(weights)} weights for {len(keys)} API keys; leave some out")
    if any(not 0 < weight < math.inf for weight in weights):
        raise ValueError(f"--key-weights takes numbers above 0, such as 3,1,1, not {list(weights)}")
    return {client_name(key): weight for key, weight in zip(keys, weights, strict=False)}


def check_key(key: str, number: int) -> None:
    """Check the `number`-th key.

    Raises:
        ValueError: saying what to do; the key itself is not part of the message.
    """
    if not key:
        raise ValueError(f"API key {number} is empty; remove one comma or line")
    if len(key) < MIN_LENGTH:
        raise ValueError(
            f"API key {number} is shorter than {MIN_LENGTH} characters and could be guessed; "
            "make one with: openssl rand -hex 32"
        )
    if not PRINTABLE.fullmatch(key):
        raise ValueError(f"API key {number} can't be sent in a header; use printable ASCII, no spaces")
