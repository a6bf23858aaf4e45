"""Processes that give way: on a fleet what starts again has a machine of its own, here it shares the cores."""

import os
from contextlib import suppress
from pathlib import Path

LOW = 5
"""Niceness of what starts: a third of the share of what serves."""


def give_way(pid: int) -> None:
    """Let a process group, which is a session of its own, take few of the cores, if it can be let out of that again."""
    if _may_raise():
        _set(pid, LOW)


def take_share(pid: int) -> None:
    """Let it have its share again; one that has ended meanwhile needs none."""
    if _may_raise():
        with suppress(ProcessLookupError, FileNotFoundError):
            _set(pid, 0)


def _set(pid: int, niceness: int) -> None:
    """Set the niceness of all threads of a process group, and of its session, which the kernel may schedule as one."""
    os.setpriority(os.PRIO_PGRP, pid, niceness)
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():
        session.write_text(str(niceness))


def _may_raise() -> bool:
    """Whether a niceness can be taken back: users other than root may only become nicer."""
    return os.geteuid() == 0
