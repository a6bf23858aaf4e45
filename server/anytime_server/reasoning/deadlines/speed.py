"""How fast the sessions of this process come to their answers: measured by them all, asked by each with a deadline."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anytime_server.controller.load import Pace
from anytime_server.controller.load.pace import Timing

PROBE_S = 10.0
"""Seconds without a measurement after which an idle server lets one session find out how fast it is now."""


class Speed:
    """The `pace` of the engine under the load that it is measured at."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        """Begin with nothing measured; `in_flight` is how many trunks run now."""
        self.pace = Pace()
        self.in_flight = in_flight
        self.clock = time.monotonic
        self._noted_at = -math.inf

    def unsure(self) -> bool:
        """Return whether only another session can tell how fast the engine is: none runs, and the last was a while ago.

        Who refuses them all by what was measured once, would never measure again.
        """
        return self.in_flight() == 0 and self.clock() - self._noted_at >= PROBE_S

    def note_first_token(self, since: float) -> None:
        """Note that a session's first token has come, which was asked for at `since` on the clock."""
        self._note(self.pace.first_token, self.in_flight(), self.clock() - since)

    def note_thinking(self, since: float, tokens: int) -> None:
        """Note that a session has thought so many tokens from `since` on."""
        if tokens > 0:
            self._note(self.pace.token, self.in_flight(), (self.clock() - since) / tokens)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Measure an interim answer, if it comes to its end."""
        began, load = self.clock(), self.in_flight()
        yield
        self._note(self.pace.branch, load, self.clock() - began)

    def note_answer(self, since: float, *, short: bool) -> None:
        """Note that a final answer has been whole since its thinking ended at `since`."""
        self._note(self._final(short=short), self.in_flight(), self.clock() - since)

    def answer_s(self, *, short: bool) -> float:
        """Return the seconds that a final answer takes now; 0 if none was measured."""
        return self._final(short=short).at(self.in_flight()) or 0.0

    def _note(self, timing: Timing, sessions: int, seconds: float) -> None:
        self._noted_at = self.clock()
        timing.note(sessions, seconds, self._noted_at)

    def _final(self, *, short: bool) -> Timing:
        return self.pace.short if short else self.pace.full
