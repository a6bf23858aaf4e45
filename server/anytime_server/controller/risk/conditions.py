"""What a calibration was made for: it says nothing about another model, format, sampling, budget or checkpoints."""

from dataclasses import dataclass, fields, replace

from anytime_server.controller.markers import ThinkingMarkers

FORMAT_FIELDS = ("open", "close", "closing", "cue")
SAMPLING_FIELDS = ("temperature", "top_p", "top_k", "min_p")
INTERIM_FIELDS = ("interim_samples", "interim_temperature")
START_FIELDS = ("model", *FORMAT_FIELDS)
"""What a server knows when it starts; the rest is the request's."""

REQUEST_FIELDS = (*FORMAT_FIELDS, *SAMPLING_FIELDS, *INTERIM_FIELDS, "budget", "checkpoints", "trunks")


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a session thinks and answers.

    Attributes:
        model: the name it is served under.
        open, close, closing, cue: the texts of its thinking format.
        temperature, top_p, top_k, min_p: of the sampling; 1 as top_p, 0 as top_k and 0 as min_p leave nothing out.
        interim_samples, interim_temperature: of the interim answers.
        interim_max_tokens: the most tokens of one.
        budget: thinking tokens.
        checkpoints: thinking lengths of the interim answers, in tokens.
        trunks: thoughts side by side.
    """

    model: str
    open: str
    close: str
    closing: str
    cue: str
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    interim_samples: int
    interim_temperature: float
    interim_max_tokens: int
    budget: int
    checkpoints: tuple[int, ...]
    trunks: int = 1

    def __post_init__(self) -> None:
        """Let a greedy model's cuts be as if there were none: they change nothing. Lists become tuples."""
        object.__setattr__(self, "checkpoints", tuple(self.checkpoints))
        object.__setattr__(self, "closing", self.closing.removesuffix(self.close))
        if self.temperature == 0:
            for name, neutral in (("top_p", 1.0), ("top_k", 0), ("min_p", 0.0)):
                object.__setattr__(self, name, neutral)

    def with_markers(self, markers: ThinkingMarkers) -> "Conditions":
        """Return these conditions with the texts of a thinking format."""
        return replace(self, **{name: getattr(markers, name) for name in FORMAT_FIELDS})

    def differences(self, other: "Conditions", names: tuple[str, ...] = REQUEST_FIELDS) -> list[str]:
        """Say what is different in `other`, field by field: as it is there, and as it is here.

        Interim answers may be longer than these: that cuts none of them short.
        """
        found = [
            f"{name} {_shown(getattr(other, name))} (the file: {_shown(getattr(self, name))})"
            for name in names
            if getattr(other, name) != getattr(self, name)
        ]
        if "budget" in names and other.interim_max_tokens < self.interim_max_tokens:
            found.append(f"interim.max_tokens {other.interim_max_tokens} (the file: {self.interim_max_tokens})")
        return found


NAMES = tuple(field.name for field in fields(Conditions))
LEFT_OUT = ("trunks",)
"""A file without these was made for what they are by default."""


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        shown = ",".join(map(str, value[:6]))
        return f"{shown},..." if len(value) > 6 else shown or "none"
    return repr(value) if isinstance(value, str) else str(value)
