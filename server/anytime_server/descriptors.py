"""Whether the process has file descriptors left: without one, connections are dropped without a word.

The event loop accepts and closes them at once, and nobody is told; so it is asked every now and then.
"""

import errno
import logging
import os
import time
from collections.abc import Callable

from anytime_server.logs import fields

logger = logging.getLogger(__name__)

REMIND_S = 60.0
"""Between two lines about the same want."""


class DescriptorWatch:
    """Logs a want of file descriptors, at most once in `REMIND_S` seconds, and its end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without one."""
        self._clock = clock
        self._wanting = False
        self._logged_at = -REMIND_S

    def look(self) -> None:
        """Take a descriptor and give it back."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._note_want(error)
        else:
            if self._wanting:
                logger.info("there are file descriptors again")
            self._wanting = False

    def _note_want(self, error: OSError) -> None:
        if self._clock() - self._logged_at >= REMIND_S:
            self._wanting, self._logged_at = True, self._clock()
            logger.error(
                "no file descriptor is left: new connections are dropped; raise the limit (ulimit -n), or bound the "
                "connections at the proxy",
                extra=fields(error=error.strerror),
            )
