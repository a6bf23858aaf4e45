"""Whether the answers of a session agree, as mathematics too where math-verify is installed.

The cheap comparison of `anytime_server.values` decides nearly all. What it holds for different, and what looks like
mathematics, is put to a `Judge`: all sessions share one, and it asks math-verify in processes that can be killed.
Answers wait for it a bounded time; what is not decided by then stays different, for this session.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

from anytime_client.protocol import CheckpointAnswer
from anytime_server.values import mathematics, may_be_equal, same_value
from anytime_server.workers import Outcome, StartError, WorkerPool

Pair = tuple[str, str]
"""Two values, in order."""

BATCH_S = 10.0
"""All comparisons of a vote may take so long, the start of the processes included."""

SESSION_PATIENCE_S = 15.0
"""A session waits so long in all for comparisons that were not decided in time."""

DEADLINE_SHARE = 0.1
"""Of a deadline, a session waits so much in all."""

GRACE = 1.2
"""How much longer than the processes may take the loop waits for them: others may have them first."""

MAX_PAIRS = 256
"""Comparisons of a vote; further ones stay undecided."""

MAX_KNOWN = 10_000
WORKERS = 2

_logger = logging.getLogger(__name__)


class Judge:
    """Decides whether values are equal as mathematics. Starts nothing before it is asked, or without math-verify."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._pool = WorkerPool(mathematics.comparer, mathematics.COMPARISON_S, WORKERS)
        # One thread waits for the processes, so that the event loop does not.
        self._waiter = ThreadPoolExecutor(1, thread_name_prefix="values")
        self._known: OrderedDict[Pair, bool] = OrderedDict()
        self._can_judge: bool | None = None

    async def decide(self, pairs: Iterable[Pair], patience_s: float) -> dict[Pair, bool]:
        """Return which of these pairs are equal; those that were not decided in time are left out."""
        wanted = list(pairs)
        unknown = [pair for pair in wanted if pair not in self._known][:MAX_PAIRS]
        if unknown and self._is_able():
            await self._ask(unknown, min(patience_s, BATCH_S))
        return {pair: self._known[pair] for pair in wanted if pair in self._known}

    async def close(self) -> None:
        """Stop the processes; nothing is decided any more."""
        self._can_judge = False
        await asyncio.to_thread(self._waiter.shutdown, cancel_futures=True)
        self._pool.close()

    def _is_able(self) -> bool:
        if self._can_judge is None:
            self._can_judge = mathematics.is_installed()
        return self._can_judge

    async def _ask(self, pairs: list[Pair], within_s: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(GRACE * within_s):
                outcomes = await loop.run_in_executor(self._waiter, self._pool.run, pairs, within_s)
        except TimeoutError:
            return
        except StartError as error:
            self._can_judge = False
            _logger.warning("answers are compared without math-verify: a process for it %s", error)
            return
        for pair, outcome in zip(pairs, outcomes, strict=True):
            self._learn(pair, outcome)

    def _learn(self, pair: Pair, outcome: Outcome) -> None:
        if outcome.state != "dropped":
            self._known[pair] = outcome.state == "done" and bool(outcome.value)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)


class Agreement:
    """When two values of one session agree. `settle` asks and waits; `same` tells at once."""

    def __init__(self, judge: Judge | None, deadline_s: float | None = None) -> None:
        """Compare with the help of `judge`; without one the cheap comparison is all.

        A session that has `deadline_s` seconds waits for no more than a tenth of them.
        """
        self._judge = judge
        self._equal: dict[Pair, bool] = {}
        self._patience_s = min(SESSION_PATIENCE_S, DEADLINE_SHARE * (deadline_s or float("inf")))

    async def settle(self, *values: str | None) -> None:
        """Find out which of these values agree, as far as the session's patience goes."""
        different = sorted({value for value in values if value is not None})
        pairs = [pair for pair in combinations(different, 2) if pair not in self._equal and may_be_equal(*pair)]
        if not pairs or self._judge is None:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        decided = await self._judge.decide(pairs, self._patience_s)
        if len(decided) < len(pairs):
            self._patience_s = max(0.0, self._patience_s - (loop.time() - began))
        # What is undecided stays so: an answer must not agree with another today and not tomorrow.
        self._equal |= {pair: decided.get(pair, False) for pair in pairs}

    def same(self, first: str | None, second: str | None) -> bool:
        """Whether two values agree, as far as that is known."""
        if first is None or second is None:
            return False
        return same_value(first, second) or self._equal.get((min(first, second), max(first, second)), False)

    def stable_for(self, value: str | None, answers: Sequence[CheckpointAnswer]) -> int:
        """Return how many checkpoints in a row, this one included, have had this value, after those of `answers`."""
        return answers[-1].stable_for + 1 if answers and self.same(answers[-1].value, value) else 1
