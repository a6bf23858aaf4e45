"""What the store counts, for metrics."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Since the store was started.

    Attributes:
        written: entries that became durable.
        writes: calls that made them so.
        takeovers: sessions that this replica went on with.
        fenced: sessions that it lost to another replica while it held them to be its own.
        outages: times that it could not be reached for longer than readers wait.
    """

    written: int = 0
    writes: int = 0
    takeovers: int = 0
    fenced: int = 0
    outages: int = 0
