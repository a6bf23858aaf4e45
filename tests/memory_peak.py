"""The most bytes that torch's tensors on the CPU take at a time while something runs."""

from collections.abc import Callable
from typing import Any

import torch


def peak_bytes(work: Callable[[], Any]) -> int:
    """Above what they took before; as the profiler hears it from the allocator, so without what Python takes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        work()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most
