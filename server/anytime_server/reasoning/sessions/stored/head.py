"""What a store keeps of a session before its first event: what was asked, made definite.

The prompt is kept as tokens: a chat template may write today's date, so it is never rendered again.
"""

from dataclasses import asdict, replace
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import CalibratedRule, ThinkingFormat
from anytime_server.engines import Engine, Sampling
from anytime_server.reasoning.plans.footprint import size_of, without_texts
from anytime_server.reasoning.plans.plan import Bound, Plan
from anytime_server.reasoning.plans.rules import stopping_rule, thinking_rule


class Head(BaseModel):
    """A plan as JSON, and when its session began.

    What has its default is left out. So a field that is new here has one, and servers of another build that share the
    store read all heads but those that use the field; these they refuse, rather than go on by other rules.

    Attributes:
        began_at: seconds of the wall clock.
        request: with the fields that the client named, and no others: some defaults depend on that; without its texts.
        filled: the values that the server has given to other fields, and to parts of the named ones.
        digest: of the request, as hexadecimal digits.
        lengths: the plan's numbers, by name.
        calibrated: the thresholds that a calibration gave it, so that another server needs none to go on with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    began_at: float
    request: dict[str, Any]
    filled: dict[str, Any] = {}
    digest: str
    closing_ids: tuple[int, ...]
    cue_ids: tuple[int, ...]
    prompt_ids: tuple[int, ...]
    direct_prompt_ids: tuple[int, ...] | None
    sampling: dict[str, Any]
    interim_sampling: dict[str, Any]
    lengths: dict[str, int]
    thinks: bool
    calls_tools: bool
    calibrated: CalibratedRule | None = None
    bound: Bound
    client: str

    @classmethod
    def of(cls, plan: Plan, began_at: float) -> "Head":
        """Return the head of a session that began with `plan`."""
        return cls(
            began_at=began_at,
            request=plan.request.model_dump(mode="json", exclude_unset=True, exclude=set(TEXTS)),
            filled=_filled(plan.request),
            digest=plan.digest.hex(),
            closing_ids=plan.format.closing_ids,
            cue_ids=plan.format.cue_ids,
            prompt_ids=plan.prompt_ids,
            direct_prompt_ids=plan.direct_prompt_ids,
            sampling=_told(plan.sampling),
            interim_sampling=_told(plan.interim_sampling),
            lengths={name: getattr(plan, name) for name in LENGTHS},
            thinks=plan.thinks,
            calls_tools=plan.calls_tools,
            calibrated=plan.stopping.calibrated,
            bound=plan.bound,
            client=plan.client,
        )

    def stored(self) -> str:
        """Return what a store keeps."""
        return self.model_dump_json(exclude_defaults=True)

    def plan(self, engine: Engine, format: ThinkingFormat, sentence_end_ids: frozenset[int]) -> Plan:
        """Return the plan, on an engine that serves the same model in the same format."""
        request = without_texts(self._whole_request())
        format = format.override(engine.tokenizer, request.closing, request.cue)
        return Plan(
            request=request,
            digest=bytes.fromhex(self.digest),
            request_bytes=size_of(request),
            format=replace(format, closing_ids=self.closing_ids, cue_ids=self.cue_ids),
            prompt_ids=self.prompt_ids,
            direct_prompt_ids=self.direct_prompt_ids,
            sampling=Sampling(**self.sampling),
            interim_sampling=Sampling(**self.interim_sampling),
            sentence_end_ids=sentence_end_ids,
            stopping=stopping_rule(request, self.calibrated),
            watching=thinking_rule(request),
            thinks=self.thinks,
            calls_tools=self.calls_tools,
            bound=self.bound,
            client=self.client,
            **self.lengths,
        )

    def _whole_request(self) -> ReasonRequest:
        named = ReasonRequest.model_validate({**self.request, "prompt": "in its tokens"})
        # One by one: the rules between fields are for what a client says, and an operator's values give way to it.
        filled = {name: _adapter(name).validate_python(value) for name, value in self.filled.items()}
        return ReasonRequest.model_construct(named.model_fields_set, **{**dict(named), **filled})


TEXTS = ("prompt", "messages", "tools")
"""The fields of a request that are in the prompt's tokens."""

FILLED_IN_PARTS = {"interim"}
"""A field that the client may name, with parts that it leaves to the server."""

LENGTHS = (
    "requested",
    "largest_grant",
    "largest_share",
    "max_answer_tokens",
    "max_total_tokens",
    "max_interim_tokens",
)
"""The fields of a plan that are numbers."""


def _told(sampling: Sampling) -> dict[str, Any]:
    return {name: value for name, value in asdict(sampling).items() if value is not None}


def _filled(request: ReasonRequest) -> dict[str, Any]:
    whole = request.model_fields_set - FILLED_IN_PARTS
    return request.model_dump(mode="json", exclude_defaults=True, exclude={*TEXTS, *whole})


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    field = ReasonRequest.model_fields[name]
    annotation: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotation)
