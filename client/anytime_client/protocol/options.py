"""How to think and to answer: what every request to reason may set."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from anytime_client.protocol.base import (
    AlsoAs,
    FieldError,
    ForcedText,
    JsonObject,
    NonEmptyText,
    Options,
    StopText,
    Strict,
    Text,
    given,
    list_or_text,
)
from anytime_client.protocol.bounds import (
    MAX_DEADLINE_MS,
    MAX_PATTERN_CHARACTERS,
    MAX_STOPS,
    MAX_STRUCTURED_CHOICES,
    MAX_TOKENS,
    MAX_TOOLS,
    MAX_TRUNKS,
)
from anytime_client.protocol.checkpoints import CheckpointRule, Checkpoints
from anytime_client.protocol.foreign import BUDGET_ALIASES, OPEN_BY_MINUS_ONE, in_our_words
from anytime_client.protocol.messages import ToolDefinition
from anytime_client.protocol.rules import STOP_WHEN_PATTERN, read_stop_when
from anytime_client.protocol.template import TemplateVariables

SEEDS = 2**63
"""Seeds are below it."""

LOWEST_TEMPERATURE = 0.01
"""Below it logits overflow; 0 is greedy."""


def _drawable(temperature: float) -> float:
    if 0 < temperature < LOWEST_TEMPERATURE:
        raise ValueError(f"it must be 0 (greedy) or at least {LOWEST_TEMPERATURE}")
    return temperature


Temperature = Annotated[
    float,
    Field(ge=0, le=2, json_schema_extra={"anyOf": [{"const": 0}, {"minimum": LOWEST_TEMPERATURE}]}),
    AfterValidator(_drawable),
]


Stop = Annotated[
    Annotated[list[StopText], Field(max_length=MAX_STOPS, fail_fast=True), Tag("list")]
    | Annotated[StopText, Tag("string")],
    Discriminator(list_or_text),
]


class InterimOptions(Options):
    """How interim answers are drawn."""

    max_tokens: int = Field(default=128, ge=1, le=MAX_TOKENS, description="the most tokens of one interim answer")
    samples: int = Field(default=1, ge=1, le=64, description="answers per checkpoint; the majority is the answer")
    temperature: Temperature | None = Field(default=None, description="default: the request's temperature")


def _interim_as_sent(value: Any) -> Any:
    """Null is the protocol's own way to draw them, whatever the server's is: as if each field were given."""
    own = InterimOptions()
    return own.model_copy(update=dict(own)) if value is None else value


Interim = Annotated[InterimOptions, AlsoAs(_interim_as_sent, ({"type": "null"},))]


class StopWhen(Strict):
    """Rules that end the thinking early: one of them, or whichever comes first.

    `risk` and `give_up` need a server with a calibration (`anytime serve --calibration FILE`); `consensus` needs
    `trunks`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                *given(
                    stable="integer",
                    confidence="number",
                    consensus="number",
                    risk="number",
                    give_up="number",
                    loop="boolean",
                    match="string",
                )
            ],
        }
    )

    stable: int | None = Field(
        default=None, ge=2, le=MAX_TOKENS, description="the same answer at this many checkpoints in a row"
    )
    confidence: float | None = Field(default=None, gt=0, le=1, description="an interim answer this sure")
    consensus: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="this large a share of several trunks for one answer at two checkpoints, or a majority with two "
        "of them done",
    )
    risk: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="as early as possible while at most this share of answers becomes wrong by it",
    )
    give_up: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="once it is hopeless, if at most this share becomes wrong by it",
    )
    loop: Literal[True] | None = Field(default=None, description="the thinking repeats itself token for token")
    match: Annotated[Text, Field(min_length=1, max_length=MAX_PATTERN_CHARACTERS)] | None = Field(
        default=None, description="a regular expression that is found in the thinking"
    )

    @property
    def asks_for_a_rate(self) -> bool:
        """Whether an error rate is among them."""
        return self.risk is not None or self.give_up is not None

    @model_validator(mode="after")
    def _some_rule(self) -> Self:
        if all(rule is None for _, rule in self):
            raise ValueError(f"give one or more of {', '.join(type(self).model_fields)}")
        return self


def _stop_when_as_sent(value: Any) -> Any:
    """Read rules that are a text."""
    return read_stop_when(value) if isinstance(value, str) else value


StoppingRules = Annotated[
    StopWhen | None, AlsoAs(_stop_when_as_sent, ({"type": "string", "pattern": STOP_WHEN_PATTERN},))
]
STOP_WHEN_ADAPTER: TypeAdapter[StopWhen | None] = TypeAdapter(StoppingRules)
"""Reads the rules however they are written."""


class StructuredOutputs(Options):
    """What the answers must look like; exactly one of the five. Interim answers are held to it too."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={
            "oneOf": [*given(json="object", json_object="boolean", regex="string", choice="array", grammar="string")],
        },
    )

    json_schema: JsonObject | None = Field(default=None, alias="json", description="JSON that a schema describes")
    json_object: Literal[True] | None = Field(default=None, description="any JSON object")
    regex: Annotated[Text, Field(min_length=1)] | None = Field(default=None, description="text that it matches")
    choice: (
        Annotated[list[NonEmptyText], Field(min_length=1, max_length=MAX_STRUCTURED_CHOICES, fail_fast=True)] | None
    ) = Field(default=None, description="one of these")
    grammar: Annotated[Text, Field(min_length=1)] | None = Field(default=None, description="text of this EBNF grammar")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of json, json_object, regex, choice and grammar")
        return self


class ReasonOptions(Options):
    """What every request to reason may set, under whichever route."""

    null_says_something = frozenset({"checkpoints", "deadline_ms", "interim", "stop_when"})
    """It switches off what the server would fill in."""

    budget: int | None = Field(
        default=None,
        ge=0,
        le=MAX_TOKENS,
        description="the most thinking tokens; default: the server's. Also called " + ", ".join(BUDGET_ALIASES),
    )
    min_budget: int = Field(
        default=0,
        ge=0,
        le=MAX_TOKENS,
        description="thinking tokens before which the model can't stop by itself; a deadline can stop it",
    )
    checkpoints: Checkpoints = Field(
        default=CheckpointRule(count=4),
        description="where interim answers are branched: thinking lengths in ascending order, or a rule; [] for none. "
        "As a text: 500,1000, every:500, count:4, geometric:2, none",
        json_schema_extra={"default": {"count": 4}},
    )
    interim: Interim = Field(default=InterimOptions(), description="how interim answers are drawn")
    stop_when: StoppingRules = Field(
        default=None,
        description="end the thinking once the answer has settled, if it loops, or at a pattern. As a text: "
        "stable:3, confidence:0.9, consensus:0.75, risk:0.05, give_up:0.02, loop, match:PATTERN, or several with "
        "commas, match last",
    )
    trunks: int = Field(
        default=1,
        ge=1,
        le=MAX_TRUNKS,
        description="this many thoughts of the question, which share the budget evenly and vote on the answer",
    )
    prune: bool = Field(default=False, description="give up trunks that stand against the others; needs trunks")
    first: Annotated[int, Field(ge=1, le=MAX_TRUNKS)] | None = Field(
        default=None, description="take the vote of this many trunks, the first that are done; needs trunks"
    )
    answer: Literal["full", "short"] = Field(default="full", description="short: the cue is forced, as at a checkpoint")
    max_answer_tokens: int | None = Field(
        default=None, ge=1, le=MAX_TOKENS, description="default: the server's; for a short answer, interim.max_tokens"
    )
    max_completion_tokens: Annotated[Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=None,
        description="the most tokens of thinking, closing, cue and answer together (-1: no bound); a quarter of it at "
        "least is kept for an answer whose length is not given",
    )
    temperature: Temperature | None = Field(default=None, description="0 is greedy; default: the model's own")
    top_p: float | None = Field(default=None, gt=0, le=1, description="default: the model's own")
    top_k: int | None = Field(
        default=None, ge=-1, le=MAX_TOKENS, description="0 or -1: all tokens; default: the model's own"
    )
    min_p: float | None = Field(default=None, ge=0, le=1, description="default: the model's own")
    seed: Annotated[Annotated[int, Field(ge=0, lt=SEEDS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=None, description="of the sampling; default, and -1: a new one each time"
    )
    stop: Stop | None = Field(default=None, description="strings that end the final answer; they are not part of it")
    tools: Annotated[list[ToolDefinition], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = Field(
        default=None, description="given to the model's chat template"
    )
    chat_template_kwargs: TemplateVariables | None = Field(
        default=None,
        description="variables for the model's chat template, e.g. reasoning_effort; thinking switched off in them is "
        "a budget of 0",
    )
    trust_special_tokens: bool | None = Field(
        default=None,
        description="read control tokens that messages and tools spell as such, and not as text; default: the server's",
    )
    structured_outputs: StructuredOutputs | None = Field(default=None, description="what the answers must look like")
    logprobs: bool = Field(default=False, description="report the final answer's tokens with their logprobs")
    top_logprobs: int = Field(
        default=0, ge=0, le=20, description="this many of the likeliest tokens beside each; needs logprobs"
    )
    closing: ForcedText | None = Field(
        default=None, description="text before the think-close marker when thinking is cut"
    )
    cue: ForcedText | None = Field(default=None, description="text that starts a short or interim answer")
    deadline_ms: int | None = Field(
        default=None,
        ge=1,
        le=MAX_DEADLINE_MS,
        description="the thinking ends in time for a short answer by then, even before min_budget",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_others_say_it(cls, data: Any) -> Any:
        return in_our_words(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _trunks_asked(self) -> Self:
        if self._takes_calibrated_trunks:
            return self
        alone = self.trunks == 1
        if alone and self.prune:
            raise FieldError("prune", "it gives up some of several trunks: give trunks: 2 or more")
        if alone and self.first is not None:
            raise FieldError("first", "it takes the first of several trunks: give trunks: 2 or more")
        if self.first is not None and self.first > self.trunks:
            raise FieldError("first", f"of {self.trunks} trunks no {self.first} can be done: lower it, or raise trunks")
        if alone and "stop_when" in self.model_fields_set and self.stop_when and self.stop_when.consensus is not None:
            raise FieldError("stop_when.consensus", "one trunk always agrees with itself: give trunks: 2 or more")
        return self

    @model_validator(mode="after")
    def _logprobs_asked(self) -> Self:
        if self.top_logprobs and not self.logprobs:
            raise FieldError("top_logprobs", "it needs logprobs: true")
        return self

    @property
    def _takes_calibrated_trunks(self) -> bool:
        """Whether the server fills in with how many trunks an error rate was measured."""
        rules = self.stop_when
        return rules is not None and rules.asks_for_a_rate and "trunks" not in self.model_fields_set

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """The stop strings as a tuple."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
