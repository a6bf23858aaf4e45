"""How a request's thinking policy travels to the logits processors, in `SamplingParams.extra_args`.

The trunk itself is not sent: it is the end of the prompt, which the processors see. Markers travel as text, and are
resolved with the model's tokenizer where they are read. Sentence ends may be thousands of ids, so they don't travel
with a request either: the engine puts them into `VllmConfig.additional_config` once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anytime_server.controller import BudgetPolicy, ThinkingFormat, ThinkingMarkers, Tokenizer
from anytime_server.engines.contract import Thinking

EXTRA_ARG = "anytime_thinking"
SENTENCE_ENDS = "anytime_sentence_end_ids"

_COUNTS = ("budget", "min_budget", "landing", "trunk")
_IDS = ("closing", "cue", "eos")
_TEXTS = ("open", "close", "header_end", "reopen")
_KEYS = (*_COUNTS, *_IDS, *_TEXTS, "headers", "closed")


@dataclass(frozen=True, slots=True)
class WirePolicy:
    """A thinking policy in plain values.

    Attributes:
        budget, min_budget, landing: as in `BudgetPolicy`.
        trunk: the number of thinking tokens at the end of the prompt; if `closed`, of tokens of the answer.
        markers: of the model's family; their closing and cue are left empty.
        closing, cue, eos: token ids; `cue` is what is forced, so it is empty unless the answer is short.
        closed: whether the prompt has closed the thinking.
    """

    budget: int
    min_budget: int
    landing: int
    trunk: int
    markers: ThinkingMarkers
    closing: tuple[int, ...]
    cue: tuple[int, ...]
    eos: tuple[int, ...]
    closed: bool = False

    @classmethod
    def of(cls, thinking: Thinking) -> "WirePolicy":
        """Describe `thinking`."""
        policy, format = thinking.policy, thinking.format
        return cls(
            budget=policy.budget,
            min_budget=policy.min_budget,
            landing=policy.landing,
            trunk=len(thinking.trunk_ids),
            markers=_bare(format.markers),
            closing=format.closing_ids,
            cue=format.cue_ids if policy.short_answer else (),
            eos=format.eos_ids,
            closed=thinking.closed,
        )

    @classmethod
    def parse(cls, extra_args: Mapping[str, Any] | None) -> "WirePolicy | None":
        """Read a request's `extra_args`; None if they carry no policy.

        Raises:
            ValueError: if the policy is malformed, naming the key.
        """
        raw = (extra_args or {}).get(EXTRA_ARG)
        if raw is None:
            return None
        if not isinstance(raw, Mapping) or set(raw) != set(_KEYS):
            raise ValueError(f"{EXTRA_ARG} must be a mapping with the keys {list(_KEYS)}")
        counts: Any = {key: _count(key, raw[key]) for key in _COUNTS}
        ids: Any = {key: _ids(key, raw[key]) for key in _IDS}
        texts: Any = {key: _text(key, raw[key]) for key in _TEXTS}
        if not isinstance(raw["headers"], list | tuple):
            raise ValueError(f"{EXTRA_ARG}.headers must be a list of texts, not {raw['headers']!r}")
        headers = tuple(_text("headers", header) for header in raw["headers"])
        markers = _bare(ThinkingMarkers(opening="", headers=headers, **texts))
        policy = cls(markers=markers, closed=bool(raw["closed"]), **counts, **ids)
        policy._check()
        return policy

    def dump(self) -> dict[str, Any]:
        """Return `extra_args` that carry this policy."""
        counts = {key: getattr(self, key) for key in _COUNTS}
        ids = {key: list(getattr(self, key)) for key in _IDS}
        texts = {key: getattr(self.markers, key) for key in _TEXTS}
        return {EXTRA_ARG: {**counts, **ids, **texts, "headers": list(self.markers.headers), "closed": self.closed}}

    def thinking(self, trunk_ids: tuple[int, ...], sentence_end_ids: frozenset[int], formats: "Formats") -> Thinking:
        """Return what the reference state machine starts from."""
        policy = BudgetPolicy(self.budget, self.min_budget, self.landing, bool(self.cue), sentence_end_ids)
        format = replace(formats.of(self.markers), closing_ids=self.closing, cue_ids=self.cue, eos_ids=self.eos)
        return Thinking(policy, format, trunk_ids, self.closed)

    def _check(self) -> None:
        if not self.markers.open or not self.markers.close:
            raise ValueError(f"{EXTRA_ARG}.open and close must not be empty")
        if not all(self.markers.headers):
            raise ValueError(f"{EXTRA_ARG}.headers must not be empty texts")
        if self.min_budget > self.budget:
            raise ValueError(f"{EXTRA_ARG}.min_budget must not be above the budget ({self.budget})")


class Formats:
    """Formats by their markers, each resolved once with the model's tokenizer, which is loaded when first needed."""

    def __init__(self, load: Callable[[], Tokenizer]) -> None:
        """Resolve with the tokenizer that `load` returns."""
        self._load = load
        self._tokenizer: Tokenizer | None = None
        self._known: dict[ThinkingMarkers, ThinkingFormat] = {}

    def of(self, markers: ThinkingMarkers) -> ThinkingFormat:
        """Return the format of `markers`.

        Raises:
            FormatError: if the tokenizer can't spell them.
        """
        if markers not in self._known:
            self._tokenizer = self._tokenizer or self._load()
            self._known[markers] = ThinkingFormat.from_markers(self._tokenizer, markers)
        return self._known[markers]


def _bare(markers: ThinkingMarkers) -> ThinkingMarkers:
    """The markers without what is not searched for in the text."""
    names = (*_TEXTS, "headers")
    return ThinkingMarkers(opening="", closing="", cue="", **{name: getattr(markers, name) for name in names})


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{EXTRA_ARG}.{key} must be an integer >= 0, not {value!r}")
    return value


def _ids(key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{EXTRA_ARG}.{key} must be a list of token ids, not {value!r}")
    return tuple(_count(key, token) for token in value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{EXTRA_ARG}.{key} must be a text, not {value!r}")
    return value
