"""What an operator decides about sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from anytime_server.controller import Calibration
from anytime_server.controller.load import AccuracyCurve, LoadPolicy
from anytime_server.reasoning.settings.defaults import RequestDefaults


@dataclass(frozen=True, slots=True)
class ReasonSettings:
    """Defaults and bounds of sessions.

    Attributes:
        default_budget: thinking tokens of a request that names no budget.
        max_budget: the most thinking tokens granted; None leaves it to the model's context.
        max_answer_tokens: tokens of a full answer when the request does not say.
        landing: length in tokens of the landing window before the budget; 0 makes budgets exact.
        max_prompt_tokens: longer prompts are refused; None leaves it to the model's context.
        max_sessions: sessions in flight; one more is refused with 429.
        kept_sessions: ended sessions kept for reading; the oldest goes first.
        kept_bytes: bytes that they hold, about; likewise.
        keep_prompts: sessions hold the texts of their questions, for a log that tells them.
        ttl_s: seconds an ended session is kept.
        trust_special_tokens: whether control tokens that messages spell are read as such; a request can say otherwise.
        aliases: other names of the served model that a request may give.
        defaults: of requests that do not say.
        calibration: what an error rate in `stop_when` goes by; None refuses one.
        flush_s: the longest time a text delta is held back to be coalesced.
        load: how budgets follow the load; None leaves them alone.
        curve: what thinking buys, for budgets that follow the load.
        weights: of clients, by name, which share slots fairly; None is first come, first served.
    """

    default_budget: int = 2048
    max_budget: int | None = None
    max_answer_tokens: int = 1024
    landing: int = 0
    max_prompt_tokens: int | None = None
    max_sessions: int = 256
    kept_sessions: int = 1000
    kept_bytes: int = 256 * 2**20
    keep_prompts: bool = False
    ttl_s: float = 3600.0
    trust_special_tokens: bool = False
    aliases: tuple[str, ...] = ()
    defaults: RequestDefaults = field(default_factory=RequestDefaults)
    calibration: Calibration | None = None
    flush_s: float = 0.045
    load: LoadPolicy | None = None
    curve: AccuracyCurve | None = None
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("default_budget", "max_answer_tokens", "max_sessions", "kept_sessions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, not {getattr(self, name)}")
        if not 0 <= self.flush_s <= 0.05:
            raise ValueError(f"flush_s must be between 0 and 0.05, not {self.flush_s}")
