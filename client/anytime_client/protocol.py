"""The one definition of every request, response and event of the Anytime HTTP API (pydantic only).

The server imports it from here, so client and server can't disagree.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator
from pydantic.config import JsonDict

BUDGET_ALIASES = ("thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "max_thinking_tokens")
"""Other names under which a request may give its `budget`, as other servers and SDKs call it."""

MAX_CHECKPOINTS = 256
"""The most interim answers of one session."""

LOWEST_TEMPERATURE = 0.01
"""Below it logits overflow; 0 is greedy."""

Status = Literal["running", "completed", "cancelled", "failed"]
StopReasonName = Literal["natural", "budget", "deadline", "stable", "answer_now", "load"]
FinishReason = Literal["stop", "length"]


class FieldError(ValueError):
    """A finding about a request as a whole that has one field to blame."""

    def __init__(self, param: str, message: str) -> None:
        """Blame `param`."""
        super().__init__(message)
        self.param = param


class _Strict(BaseModel):
    """Request parts: an unknown field or a wrong type is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Frozen(BaseModel):
    """Response parts: a client must live with fields that a newer server adds."""

    model_config = ConfigDict(frozen=True)


def _no_surrogates(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half of a surrogate pair, which is no text; send whole characters")
    return text


def _drawable(temperature: float) -> float:
    if 0 < temperature < LOWEST_TEMPERATURE:
        raise ValueError(f"it must be 0 (greedy) or at least {LOWEST_TEMPERATURE}")
    return temperature


def _given(**types: str) -> Iterator[JsonDict]:
    """JSON schemas of which each says that a field is given, and not as null."""
    for field, type in types.items():
        yield {"required": [field], "properties": {field: {"type": type}}}


Text = Annotated[str, AfterValidator(_no_surrogates)]
StopString = Annotated[str, Field(min_length=1), AfterValidator(_no_surrogates)]
Temperature = Annotated[
    float,
    Field(ge=0, le=2, json_schema_extra={"anyOf": [{"const": 0}, {"minimum": LOWEST_TEMPERATURE}]}),
    AfterValidator(_drawable),
]


# --- the request -----------------------------------------------------------------------------------------------------


class ChatMessage(_Strict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"] = Field(description="whose turn it is")
    content: Text = Field(description="its text")


class CheckpointRule(_Strict):
    """Checkpoints by a rule; exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra={"maxProperties": 1, "anyOf": [*_given(every="integer", count="integer", geometric="number")]}
    )

    every: Annotated[int, Field(ge=1)] | None = Field(default=None, description="one every so many thinking tokens")
    count: Annotated[int, Field(ge=0, le=MAX_CHECKPOINTS)] | None = Field(
        default=None, description="so many, evenly over the budget"
    )
    geometric: Annotated[float, Field(ge=1.01, le=1000)] | None = Field(
        default=None, description="from 16 tokens on, each so many times the last"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError('give exactly one of "every", "count" and "geometric"')
        return self


def _checkpoints_kind(value: Any) -> str:
    return "rule" if isinstance(value, Mapping | CheckpointRule) else "list"


Checkpoints = Annotated[
    Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MAX_CHECKPOINTS), Tag("list")]
    | Annotated[CheckpointRule, Tag("rule")],
    Discriminator(_checkpoints_kind),
]


class InterimOptions(_Strict):
    """How interim answers are drawn."""

    max_tokens: int = Field(default=128, ge=1, description="the most tokens of one interim answer")
    samples: int = Field(default=1, ge=1, le=64, description="answers per checkpoint; the majority is the answer")
    temperature: Temperature | None = Field(default=None, description="default: the request's temperature")


class StopWhen(_Strict):
    """Rules that end the thinking once the answer has settled: one of them, or whichever of both comes first."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [*_given(stable="integer", confidence="number")]})

    stable: int | None = Field(default=None, ge=2, description="the same answer at so many checkpoints in a row")
    confidence: float | None = Field(default=None, gt=0, le=1, description="an interim answer this sure")

    @model_validator(mode="after")
    def _some_rule(self) -> Self:
        if self.stable is None and self.confidence is None:
            raise ValueError('give "stable", "confidence" or both')
        return self


class ReasonRequest(_Strict):
    """Body of `POST /reason`. The budget's aliases are accepted; two that differ are an error."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [*_given(prompt="string", messages="array")]})

    prompt: Text | None = Field(
        default=None, description="a question; or give `messages`", json_schema_extra={"pattern": r"\S"}
    )
    messages: list[ChatMessage] | None = Field(
        default=None,
        description="a conversation that ends with the user; or give `prompt`",
        json_schema_extra={"minItems": 1},
    )
    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    budget: int | None = Field(
        default=None,
        ge=0,
        description="the most thinking tokens; default: the server's. Also taken as " + ", ".join(BUDGET_ALIASES),
    )
    min_budget: int = Field(default=0, ge=0, description="thinking tokens before which the model can't stop by itself")
    checkpoints: Checkpoints = Field(
        default=CheckpointRule(count=4),
        description="where interim answers are branched: thinking lengths in ascending order, or a rule; [] for none",
        json_schema_extra={"default": {"count": 4}},
    )
    interim: InterimOptions = Field(default=InterimOptions(), description="how interim answers are drawn")
    stop_when: StopWhen | None = Field(default=None, description="end the thinking once the answer has settled")
    answer: Literal["full", "short"] = Field(default="full", description="short: the cue is forced, as at a checkpoint")
    max_answer_tokens: int | None = Field(
        default=None, ge=1, description="default: the server's; for a short answer, interim.max_tokens"
    )
    temperature: Temperature | None = Field(default=None, description="0 is greedy; default: the model's own")
    top_p: float | None = Field(default=None, gt=0, le=1, description="default: the model's own")
    top_k: int | None = Field(default=None, ge=1, description="default: the model's own")
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="of the sampling; default: a new one each time")
    stop: StopString | list[StopString] | None = Field(
        default=None, description="strings that end the final answer; they are not part of it"
    )
    closing: Text | None = Field(default=None, description="text before the think-close marker when thinking is cut")
    cue: Text | None = Field(default=None, description="text that starts a short or interim answer")
    deadline_ms: int | None = Field(
        default=None, ge=1, description="thinking is closed in time for a short answer to be there so soon"
    )
    stream: bool = Field(default=False, description="answer as server-sent events, as with Accept: text/event-stream")
    background: bool = Field(default=False, description="go on when the connection drops; read it by its id")
    grace_ms: int = Field(
        default=0,
        ge=0,
        le=600_000,
        description="how long a dropped stream may stay away, to go on at /reason/{id}/events, before it is cancelled",
    )

    @model_validator(mode="before")
    @classmethod
    def _fold_aliases(cls, data: Any) -> Any:
        return fold_budget_aliases(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise FieldError("prompt", "give either prompt or messages, and not both")
        if self.prompt is not None and not self.prompt.strip():
            raise FieldError("prompt", "it is empty: give a question")
        if self.messages is not None and not self.messages:
            raise FieldError("messages", "it is empty: give at least one user message")
        if self.messages and self.messages[-1].role != "user":
            raise FieldError("messages", "the last one must be the user's")
        return self

    @property
    def conversation(self) -> list[ChatMessage]:
        """The messages; a bare prompt is one user message."""
        return self.messages or [ChatMessage(role="user", content=self.prompt or "")]

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """The stop strings as a tuple."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


def fold_budget_aliases(data: dict[str, Any]) -> dict[str, Any]:
    """Return `data` with the budget under its own name.

    Raises:
        FieldError: if two names carry different values.
    """
    given = {name: data[name] for name in ("budget", *BUDGET_ALIASES) if data.get(name) is not None}
    if len({repr(value) for value in given.values()}) > 1:
        raise FieldError("budget", f"these names of the budget differ: {given}; give one")
    rest = {name: value for name, value in data.items() if name not in ("budget", *BUDGET_ALIASES)}
    return {**rest, "budget": next(iter(given.values()))} if given else rest


# --- the document ----------------------------------------------------------------------------------------------------


class Answer(_Frozen):
    """An answer: its text, the value in it that answers are compared by, and how sure the model is."""

    text: str = Field(description="without white space at its ends")
    value: str | None = Field(description="what is in \\boxed{} or after the cue; None if neither is there")
    confidence: float | None = Field(description="vote share times mean token probability, 0..1")
    finish_reason: FinishReason | None = Field(
        default=None, description="of a whole final answer; length: it was cut at max_answer_tokens"
    )


class CheckpointAnswer(_Frozen):
    """The interim answer at one checkpoint."""

    at: int = Field(description="thinking tokens it was branched at")
    answer: str = Field(description="its text, without the cue")
    value: str | None = Field(description="what answers are compared by; None if the text holds nothing")
    confidence: float = Field(description="vote share times mean token probability, 0..1")
    votes: int = Field(description="samples that gave this answer")
    samples: int = Field(description="samples drawn")
    stable_for: int = Field(description="checkpoints in a row, this one included, with this answer")
    elapsed_ms: float = Field(description="milliseconds since the session began")
    interim_tokens: int = Field(description="tokens generated for it, over all samples")
    computed_tokens: int = Field(description="prompt tokens of the branch that the engine had to compute")
    cached_tokens: int = Field(description="prompt tokens of the branch that came from the prefix cache")


class Budget(_Frozen):
    """Thinking tokens asked for, allowed and spent."""

    requested: int = Field(description="what was asked for")
    granted: int = Field(description="what fits the model's context and the server's bound")
    spent: int = Field(description="what has been thought so far; never more than granted")


class Usage(_Frozen):
    """Tokens by role.

    Thinking, forced, answer, interim and discarded add up to the tokens the engine generated for the session; cached
    and computed to the prompt tokens of all its requests (the trunk's and the branches').
    """

    prompt: int = Field(default=0, description="of the question, template included")
    thinking: int = Field(default=0, description="sampled inside the thinking")
    forced: int = Field(default=0, description="of the closing and the cue")
    answer: int = Field(default=0, description="sampled after the thinking, with the model's own close marker")
    interim: int = Field(default=0, description="of all interim answers")
    discarded: int = Field(default=0, description="generated and dropped, e.g. an answer begun before an extension")
    cached: int = Field(default=0, description="prompt tokens that came from the prefix cache")
    computed: int = Field(default=0, description="prompt tokens that the engine had to compute")


class Timings(_Frozen):
    """Milliseconds since the session began; None for what did not happen."""

    queued_ms: float | None = Field(default=None, description="until the first request went to the engine")
    first_token_ms: float | None = Field(default=None, description="until the first token")
    first_answer_ms: float | None = Field(default=None, description="until the first answer, interim or final")
    thinking_ms: float | None = Field(default=None, description="until the thinking ended")
    total_ms: float | None = Field(default=None, description="until the session ended")


class ErrorInfo(_Frozen):
    """What went wrong, in which field, and what to do about it."""

    type: str = Field(description="its kind, such as `invalid_request_error`")
    message: str = Field(description="what went wrong and what to do about it, in words")
    param: str | None = Field(default=None, description="the field or parameter at fault")
    request_id: str | None = Field(default=None, description="as in the `X-Request-Id` header")


class ErrorBody(_Frozen):
    """Body of every error response."""

    error: ErrorInfo = Field(description="the error")


class ReasonDocument(_Frozen):
    """A session as one document: the JSON response, a snapshot, and the payload of `reason.completed`."""

    id: str = Field(description="of the session")
    model: str = Field(description="the served model's name")
    status: Status = Field(description="whether the session runs, or how it ended")
    stop_reason: StopReasonName | None = Field(description="why the thinking ended; None while it goes on")
    answer: Answer | None = Field(description="the final answer; the best interim answer until there is one")
    thinking: str = Field(description="its text so far")
    checkpoints: tuple[CheckpointAnswer, ...] = Field(description="the interim answers, in order")
    budget: Budget = Field(description="in thinking tokens")
    usage: Usage = Field(description="in tokens, by role")
    timings: Timings = Field(description="in milliseconds since the session began")
    error: ErrorInfo | None = Field(default=None, description="of a failed session")
    last_sequence_number: int = Field(default=0, description="of the newest event in the session's log")


class ModelCard(BaseModel):
    """A served model, as OpenAI's API describes one; whatever else the server says of it is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Unix seconds")
    owned_by: str = ""


class ModelList(_Frozen):
    """Body of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: tuple[ModelCard, ...]


# --- the events ------------------------------------------------------------------------------------------------------


class _Event(_Frozen):
    sequence_number: int = Field(description="from 1 without gaps within a session; the SSE id")


class ReasonCreated(_Event):
    """The session is admitted."""

    type: Literal["reason.created"] = "reason.created"
    id: str = Field(description="of the session")
    model: str = Field(description="the served model's name")
    budget: Budget = Field(description="in thinking tokens")
    checkpoints: tuple[int, ...] = Field(description="the thinking lengths at which interim answers are planned")


class ThinkingDelta(_Event):
    """New thinking text."""

    type: Literal["thinking.delta"] = "thinking.delta"
    delta: str = Field(description="the text, as generated")
    spent: int = Field(description="thinking tokens up to its end")


class CheckpointEvent(_Event, CheckpointAnswer):
    """An interim answer."""

    type: Literal["checkpoint.answer"] = "checkpoint.answer"


class BudgetChanged(_Event):
    """The grant was changed while the session was running, or the ended session thinks on."""

    type: Literal["budget.changed"] = "budget.changed"
    budget: Budget = Field(description="the new one, in thinking tokens")
    checkpoints: tuple[int, ...] = Field(description="the thinking lengths at which interim answers are still to come")


class AnswerDelta(_Event):
    """New text of the final answer. After an extension the answer starts anew."""

    type: Literal["answer.delta"] = "answer.delta"
    delta: str = Field(description="the text, as generated")


class ReasonCompleted(_Event):
    """The session ended with its answer."""

    type: Literal["reason.completed"] = "reason.completed"
    document: ReasonDocument = Field(description="the session as it stands at this event")


class ReasonCancelled(_Event):
    """The session was cancelled, or its client left."""

    type: Literal["reason.cancelled"] = "reason.cancelled"
    document: ReasonDocument = Field(description="the session as it stands at this event")


class ReasonFailed(_Event):
    """The session failed; the document holds the error and the best answer so far."""

    type: Literal["reason.failed"] = "reason.failed"
    document: ReasonDocument = Field(description="the session as it stands at this event")


Event = (
    ReasonCreated
    | ThinkingDelta
    | CheckpointEvent
    | BudgetChanged
    | AnswerDelta
    | ReasonCompleted
    | ReasonCancelled
    | ReasonFailed
)
TerminalEvent = ReasonCompleted | ReasonCancelled | ReasonFailed
EVENT_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
"""Reads an event from its JSON."""
