"""How memory is allocated in runs on a CPU."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of glibc's `mallopt`, from its malloc.h."""

KEPT_BYTES = 2**31 - 1
STEP_BYTES = 2**26


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees; return whether its C library can (glibc).

    By itself, glibc gives each large tensor back to the kernel, which clears the same pages for the next one. A step
    of a small model frees all of its activations, and spends some tenth of its time in there.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT_BYTES), (M_TOP_PAD, STEP_BYTES))
    return all([mallopt(name, value) == 1 for name, value in settings])
