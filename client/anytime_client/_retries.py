"""When a request is sent again, and after how long: exponential back-off with jitter, or what the server asks for."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from anytime_client._errors import AnytimeError, APIConnectionError, OverloadedError, UnavailableError

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LONGEST_RETRY_AFTER_S = 60.0
"""A server that wants to be left alone for longer is not asked again."""
UNREACHED_RETRIES = 1
"""Where no server has ever answered, there is none, rather than one that is being started again: with the wait in
between this says so within a second if there is no connection, and after two time-outs if nothing comes over it."""


@dataclass(slots=True)
class Contact:
    """Whether a server has ever answered one client."""

    made: bool = False


class Attempts:
    """Counts the failures in a row of one request or stream. Every request of the SDK is safe to send again."""

    def __init__(
        self,
        max_retries: int,
        draw: Callable[[], float] = random.random,
        *,
        contact: Contact | None = None,
        unreached_retries: int = UNREACHED_RETRIES,
    ) -> None:
        """Allow so many failures in a row.

        Args:
            max_retries: their number.
            draw: gives the jitter, in 0..1.
            contact: tells whether the server has ever answered; None: it has.
            unreached_retries: their number until then, where there is no connection or nothing comes over it.
        """
        self._max_retries = max_retries
        self._draw = draw
        self._contact = contact or Contact(made=True)
        self._unreached_retries = unreached_retries
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
        most = self._most(error)
        if self._failures >= most or not _may_pass(error) or (retry_after or 0) > LONGEST_RETRY_AFTER_S:
            raise error
        wait = min(FIRST_WAIT_S * 2.0**self._failures, LONGEST_WAIT_S) * (0.5 + self._draw() / 2)
        if retry_after is not None:
            # Never earlier than asked, and not all clients at once.
            wait = retry_after + self._draw() * FIRST_WAIT_S
        self._failures += 1
        logger.info("attempt %d of %d in %.1f s: %s", self._failures, most, wait, error)
        return wait

    def _most(self, error: AnytimeError) -> int:
        """Return how many failures in a row there may be, this one being the newest."""
        if self._contact.made or not isinstance(error.__cause__, httpx.ConnectError | httpx.TimeoutException):
            return self._max_retries
        return self._unreached_retries


def _may_pass(error: AnytimeError) -> bool:
    return isinstance(error, APIConnectionError | OverloadedError | UnavailableError)
