"""What several have said, put together by what it says."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Same = Callable[[str | None, str | None], bool]
"""Whether two values agree; an absent value agrees with none."""


class _Saying(Protocol):
    @property
    def value(self) -> str | None: ...


SayingT = TypeVar("SayingT", bound=_Saying)


def groups(said: Iterable[SayingT], same: Same) -> list[list[SayingT]]:
    """Return what agrees with each other, each group where its first one came."""
    found: list[list[SayingT]] = []
    for one in said:
        home = next((group for group in found if same(group[0].value, one.value)), None)
        if home is None:
            found.append([one])
        else:
            home.append(one)
    return found
