"""How many thinking tokens a reasoning effort stands for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, Self

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class EffortMap:
    """Budgets by effort, in thinking tokens; the operator's to set. `none` answers without thinking."""

    none: int = 0
    minimal: int = 128
    low: int = 512
    medium: int = 2048
    high: int = 8192
    xhigh: int = 16384
    max: int = 32768

    def __post_init__(self) -> None:
        """Check that more effort is never less thinking."""
        budgets = list(asdict(self).values())
        if budgets[0] < 0 or budgets != sorted(budgets):
            raise ValueError(f"--effort takes budgets >= 0 that do not fall from none to max, not {asdict(self)}")

    @classmethod
    def of(cls, pairs: Mapping[str, object]) -> Self:
        """Return the default map with some budgets replaced, as `--effort low=512` gives them.

        Raises:
            ValueError: if there is no such effort, or a budget is no whole number.
        """
        known = [field.name for field in fields(cls)]
        for name, budget in pairs.items():
            if name not in known:
                raise ValueError(f"--effort: no effort {name!r}; choose one of {', '.join(known)}")
            if isinstance(budget, bool) or not isinstance(budget, int):
                raise ValueError(f"--effort {name} needs a number of thinking tokens, not {budget!r}")
        return cls(**dict(pairs))  # type: ignore[arg-type]

    def budget(self, effort: Effort) -> int:
        """Return the thinking tokens of `effort`."""
        tokens: int = getattr(self, effort)
        return tokens
