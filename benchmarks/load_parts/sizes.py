"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a run.

    Attributes:
        seconds: of open-loop arrivals, for each arm at each load.
        loads: multiples of the capacity.
        static: largest budgets that an operator might set, in thinking tokens.
        budget: what each request asks for; the model ends by itself in it.
        slots: requests that think at once, in all arms.
        promised: admitted requests with deadlines.
        crowd: sessions of the client with many.
        probes: sessions of the client with one at a time.
    """

    seconds: float
    loads: tuple[float, ...]
    static: tuple[int, ...]
    budget: int = 192
    slots: int = 8
    promised: int = 500
    crowd: int = 200
    probes: int = 10


FULL = Sizes(seconds=60.0, loads=(1.0, 1.5, 2.0), static=(24, 36, 48, 72, 96))
QUICK = Sizes(seconds=8.0, loads=(2.0,), static=(36, 72), promised=30, crowd=40, probes=2)
