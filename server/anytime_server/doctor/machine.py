"""The interpreter, the platform, the cores and the memory."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from anytime_server.doctor.findings import Finding

GIB = 2**30
LOW_MEMORY = 2 * GIB
"""Bytes; importing torch and serving the embedded model takes about one GiB."""


def check_python() -> Finding:
    """Look at the interpreter; that it is new enough is pip's business."""
    python = platform.python_version()
    text = f"{python} on {platform.system()} {platform.release()} {platform.machine()} ({sys.executable})"
    return Finding("python", "ok", text, details={"version": python, "anytime": version("anytime-reasoning")})


def check_machine() -> Finding:
    """Look at the cores and the memory that this process may use."""
    cores, total, free = usable_cores(), total_memory(), free_memory()
    memory = f", {total / GIB:.1f} GiB of memory" if total is not None else ""
    text = f"{cores} core{'s' if cores != 1 else ''}{memory}"
    details = {"cores": cores, "memory_bytes": total, "free_memory_bytes": free}
    if free is None:
        return Finding("machine", "ok", text, details=details)
    text = f"{text}, {free / GIB:.1f} GiB free"
    if free < LOW_MEMORY:
        return Finding("machine", "warning", text, "free some: torch and a small model need about 1 GiB", details)
    return Finding("machine", "ok", text, details=details)


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_memory() -> int | None:
    """Return the bytes of memory, or of this container's share; None where the system does not say."""
    if sys.platform == "win32":
        return None
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _cgroup("memory.max")
    return physical if limit is None else min(physical, limit)


def free_memory() -> int | None:
    """Return the bytes that programs can still take; None where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    return available if limit is None or used is None else min(available, limit - used)


def _cgroup(name: str) -> int | None:
    file = Path("/sys/fs/cgroup") / name
    text = file.read_text().strip() if file.exists() else "max"
    return None if text == "max" else int(text)
