"""What an operator decides for requests that do not say: so that clients which can't send such fields profit too."""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from anytime_client.protocol import CheckpointRule, InterimOptions, ReasonRequest, StopWhen
from anytime_server.controller import PatternError, compile_pattern


@dataclass(frozen=True, slots=True)
class RequestDefaults:
    """Values of fields that a request leaves out; None leaves a field to the protocol.

    A request that names a field beats them, also where it switches it off (null, or `[]`). They never make a request
    fail: what does not go with it gives way.

    Attributes:
        checkpoints: where interim answers are branched.
        stop_when: the rules that end the thinking.
        deadline_ms: milliseconds until an answer should be there.
        interim: how interim answers are drawn; of its fields, those that are set.
    """

    checkpoints: list[int] | CheckpointRule | None = None
    stop_when: StopWhen | None = None
    deadline_ms: int | None = None
    interim: InterimOptions | None = None

    def __post_init__(self) -> None:
        """Check the checkpoints and the pattern.

        Raises:
            ValueError: if the ones do not ascend, or the other can't be looked for.
        """
        try:
            if self.stop_when is not None and self.stop_when.match is not None:
                compile_pattern(self.stop_when.match)
        except PatternError as error:
            raise ValueError(f"--stop-when match can't be searched for: {error}") from error
        if isinstance(self.checkpoints, list) and any(later <= one for one, later in pairwise(self.checkpoints)):
            raise ValueError(f"--checkpoints must ascend, each once: {self.checkpoints}")

    def shown(self) -> dict[str, Any]:
        """Return what is set, as JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
            for name, value in values.items()
            if value is not None
        }

    def fill(self, request: ReasonRequest, temperature: float) -> ReasonRequest:
        """Return `request` with these values where it has none; `model_fields_set` tells still what it named itself.

        Args:
            request: as it came; one that is filled already comes back the same.
            temperature: of a request that names none.
        """
        values = {
            "checkpoints": self.checkpoints,
            "stop_when": self.stop_when,
            "deadline_ms": self.deadline_ms,
        }
        named = request.model_fields_set
        absent = {name: value for name, value in values.items() if value is not None and name not in named}
        interim = self._interim(request, temperature)
        return ReasonRequest.model_construct(named, **{**dict(request), **absent, "interim": interim})

    def _interim(self, request: ReasonRequest, temperature: float) -> InterimOptions:
        """Fill field by field. Several samples of a greedy model would all be the same."""
        asked = request.interim
        if self.interim is None:
            return asked
        own = {name: getattr(asked, name) for name in asked.model_fields_set if "interim" in request.model_fields_set}
        values: dict[str, Any] = {name: getattr(self.interim, name) for name in self.interim.model_fields_set} | own
        drawn_at = values.get("temperature")
        if drawn_at is None:
            drawn_at = temperature if request.temperature is None else request.temperature
        if drawn_at == 0 and "samples" not in own:
            values.pop("samples", None)
        return InterimOptions.model_construct(asked.model_fields_set, **values)
