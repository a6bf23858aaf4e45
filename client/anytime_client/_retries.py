"""When a request is sent again, and after how long: exponential back-off with jitter, or what the server asks for."""

import logging
import random
from collections.abc import Callable

from anytime_client._errors import AnytimeError, APIConnectionError, OverloadedError, UnavailableError

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LONGEST_RETRY_AFTER_S = 60.0
"""A server that wants to be left alone for longer is not asked again."""


class Attempts:
    """Counts the failures in a row of one request or stream. Every request of the SDK is safe to send again."""

    def __init__(self, max_retries: int, draw: Callable[[], float] = random.random) -> None:
        """Allow `max_retries` failures in a row; `draw` gives the jitter, in 0..1."""
        self._max_retries = max_retries
        self._draw = draw
        self._failures = 0
        self.failure: AnytimeError | None = None
        """The newest one, if nothing has succeeded since."""

    def succeeded(self) -> None:
        """Count from zero again."""
        self._failures = 0
        self.failure = None

    def wait_after(self, error: AnytimeError) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            AnytimeError: `error` itself, if there is to be none.
        """
        self.failure = error
        retry_after: float | None = getattr(error, "retry_after", None)
        if self._failures >= self._max_retries or not _may_pass(error) or (retry_after or 0) > LONGEST_RETRY_AFTER_S:
            raise error
        wait = min(FIRST_WAIT_S * 2.0**self._failures, LONGEST_WAIT_S) * (0.5 + self._draw() / 2)
        if retry_after is not None:
            # Never earlier than asked, and not all clients at once.
            wait = retry_after + self._draw() * FIRST_WAIT_S
        self._failures += 1
        logger.info("attempt %d of %d in %.1f s: %s", self._failures, self._max_retries, wait, error)
        return wait


def _may_pass(error: AnytimeError) -> bool:
    return isinstance(error, APIConnectionError | OverloadedError | UnavailableError)
