"""Cycles of every period: are they closed, and after how many tokens?"""

from collections.abc import Iterable, Sequence
from random import Random

from anytime_server.controller import LoopDetector
from anytime_server.controller.loops import LONGEST_PERIOD
from harness.measure import Series
from harness.report import Row

HEAD = 300
"""Tokens before a cycle."""

SLACK = 16
"""What the bar allows beyond three periods."""

BANDS = ((1, 1), (2, 8), (9, 64), (65, LONGEST_PERIOD))
VOCABULARIES = (2, 30_000)
"""Different tokens in a cycle: one of two tokens has shorter cycles, nearly, inside."""


def measure(tries: int, seed: int) -> list[Row]:
    """Return how late cycles are closed, `tries` of each period over each vocabulary, and how many are."""
    rng = Random(seed)
    late: dict[int, list[int]] = {}
    for period in range(1, LONGEST_PERIOD + 1):
        delays = [_delay(rng, period, size) for size in VOCABULARIES for _ in range(tries)]
        late[period] = [delay - 3 * period for delay in delays if delay is not None]
    whole = LONGEST_PERIOD * len(VOCABULARIES) * tries
    share = sum(map(len, late.values())) / whole
    rows = [Row("cycles", f"closed of {whole}", Series((share,)), "share", bar=1.0)]
    for first, last in BANDS:
        latest = max(max(late[period], default=0) for period in range(first, last + 1))
        name = f"latest, tokens after 3 periods of {first} to {last}"
        rows.append(Row("cycles", name, Series((latest,)), "tokens", bar=SLACK, better="lower"))
    return rows


def _delay(rng: Random, period: int, size: int) -> int | None:
    """Return after how many tokens of a random cycle it is closed; None if not within what the bar allows."""
    head = [rng.randrange(2, 30_000) for _ in range(HEAD)]
    cycle = [rng.randrange(size) for _ in range(period)]
    tokens = head + (cycle * (3 + SLACK))[: 3 * period + SLACK]
    ended = ends_at(tokens)
    return None if ended is None else ended - HEAD


def ends_at(tokens: Iterable[int]) -> int | None:
    """Return after how many tokens a loop is found, or None."""
    detector = LoopDetector()
    return next((at for at, token in enumerate(tokens, start=1) if detector.observe(token) is not None), None)


def left_alone(section: str, name: str, texts: Sequence[Sequence[int]]) -> tuple[Row, list[int]]:
    """Return the share of `texts` in which no loop is found, as a row, and which the others are."""
    hits = closed(texts)
    share = 1 - len(hits) / len(texts)
    return Row(section, f"left alone of {len(texts):,}: {name}", Series((share,)), "share", bar=1.0), hits


def closed(texts: Iterable[Sequence[int]]) -> list[int]:
    """Return which of several texts are closed."""
    return [number for number, tokens in enumerate(texts) if ends_at(tokens) is not None]
