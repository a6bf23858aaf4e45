"""Options of `anytime serve` that do nothing without another one: given alone they are refused, not ignored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anytime_server.serving import ServeOptions


@dataclass(frozen=True, slots=True)
class Dependence:
    """What some options depend on.

    Attributes:
        options: their names in `ServeOptions`, where they are None unless given.
        on: what they do nothing without, as one gives it.
        is_given: whether it is.
    """

    options: tuple[str, ...]
    on: str
    is_given: "Callable[[ServeOptions], bool]"


DEPENDENCES = (
    Dependence(("load_floor", "target_tokens_per_second", "curve"), "--load-aware", lambda options: options.load_aware),
    Dependence(("key_weights",), "--fair-share", lambda options: options.fair_share),
    Dependence(("lease_s",), "a Redis in --store", lambda options: options.store != "memory"),
)


def check_dependent(options: "ServeOptions") -> None:
    """Check that no option is given that would do nothing.

    Raises:
        ValueError: naming the option, and what it does nothing without.
    """
    for dependence in DEPENDENCES:
        for name in dependence.options:
            if getattr(options, name) is not None and not dependence.is_given(options):
                option = "--" + name.replace("_", "-")
                raise ValueError(f"{option} does nothing without {dependence.on}: set that, or leave {option} out")
