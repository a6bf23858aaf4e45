"""A session as one document, and errors."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from anytime_client.protocol import display
from anytime_client.protocol.base import Frozen, if_given

Status = Literal["running", "completed", "cancelled", "failed"]
StopReasonName = Literal[
    "natural",
    "budget",
    "deadline",
    "stable",
    "consensus",
    "risk",
    "give_up",
    "loop",
    "match",
    "first",
    "pruned",
    "answer_now",
    "load",
]
FinishReason = Literal["stop", "length"]
Limit = Literal["request", "context", "server", "load"]


class Alternative(Frozen):
    """A token and its log-probability under the model's own distribution (before temperature and cuts)."""

    token: str = Field(description="its text")
    logprob: float = Field(description="natural logarithm of its probability")
    bytes: tuple[int, ...] = Field(description="what it adds to the text, as UTF-8; it may be a part of a character")


class TokenLogprob(Alternative):
    """A token of an answer, and the most likely tokens in its place."""

    top_logprobs: tuple[Alternative, ...] = Field(default=(), description="best first; as many as were asked for")


class Answer(Frozen):
    """An answer: its text, the value in it that answers are compared by, and how sure the model is."""

    text: str = Field(description="without white space at its ends")
    value: str | None = Field(description="what is in \\boxed{} or after the cue; None if neither is there")
    confidence: float | None = Field(description="vote share times mean token probability, 0..1")
    finish_reason: FinishReason | None = Field(
        default=None, description="of a whole final answer; length: it was cut at its bound"
    )
    logprobs: tuple[TokenLogprob, ...] | None = Field(
        default=None, description="of a final answer, when asked for", repr=False
    )


class TrunkBallot(Frozen):
    """What one of several trunks says in a vote."""

    trunk: int = Field(description="which trunk, from 0")
    at: int = Field(description="thinking tokens of the trunk that it was branched at")
    value: str | None = Field(description="what answers are compared by; None if the text holds nothing")
    confidence: float = Field(description="how sure the model is, 0..1: what the vote counts for")
    stop_reason: StopReasonName | None = Field(description="why the trunk's thinking ended; None while it goes on")


class CheckpointAnswer(Frozen):
    """The interim answer at one checkpoint."""

    at: int = Field(description="thinking tokens it was branched at")
    answer: str = Field(description="its text, without the cue")
    value: str | None = Field(description="what answers are compared by; None if the text holds nothing")
    confidence: float = Field(description="vote share times mean token probability, 0..1")
    votes: int = Field(description="samples that gave this answer; of several trunks, how many of them")
    samples: int = Field(description="samples drawn; of several trunks, how many of them have voted")
    stable_for: int = Field(description="checkpoints in a row, this one included, with this answer")
    elapsed_ms: float = Field(description="milliseconds since the session began")
    interim_tokens: int = Field(description="tokens generated for it, over all samples")
    computed_tokens: int = Field(description="prompt tokens of the branch that the engine had to compute")
    cached_tokens: int = Field(description="prompt tokens of the branch that came from the prefix cache")
    trunk: int | None = if_given("of several trunks, the one that stands for this answer")
    consensus: float | None = if_given("of several trunks: this answer's share of the weight of all ballots, 0..1")
    ballots: tuple[TrunkBallot, ...] | None = if_given("of several trunks: what each says, in their order")


class Budget(Frozen):
    """Thinking tokens asked for, allowed and spent."""

    requested: int = Field(description="what was asked for")
    granted: int = Field(description="what fits the model's context, the server's bound, and its load")
    spent: int = Field(description="what has been thought so far; never more than granted")
    limited_by: Limit | None = Field(
        default=None,
        description="why less is granted than was asked for: the request's own bound on all its tokens, the model's "
        "context, the server's bound, or its load",
    )


class Usage(Frozen):
    """Tokens by role.

    Thinking, forced, answer, interim and discarded add up to the tokens the engine generated for the session; cached
    and computed to the prompt tokens of all its requests (the trunk's and the branches').
    """

    prompt: int = Field(default=0, description="of the question, template included")
    prompt_cached: int = Field(default=0, description="of those, in the prefix cache when the session began")
    thinking: int = Field(default=0, description="sampled inside the thinking")
    forced: int = Field(default=0, description="of the closing and the cue")
    answer: int = Field(
        default=0, description="sampled after the thinking in all runs, with the model's own close marker"
    )
    interim: int = Field(default=0, description="of all interim answers")
    discarded: int = Field(default=0, description="generated and dropped, e.g. an answer begun before an extension")
    cached: int = Field(default=0, description="prompt tokens that came from the prefix cache")
    computed: int = Field(default=0, description="prompt tokens that the engine had to compute")
    sequential: int | None = if_given("of several trunks: thinking tokens of the longest, one after another")


class Timings(Frozen):
    """Milliseconds since the session began; None for what did not happen."""

    queued_ms: float | None = Field(default=None, description="until the first request went to the engine")
    first_token_ms: float | None = Field(default=None, description="until the first token")
    first_answer_ms: float | None = Field(default=None, description="until the first answer, interim or final")
    thinking_ms: float | None = Field(default=None, description="until the thinking ended")
    total_ms: float | None = Field(default=None, description="until the session ended")


class TrunkReport(Frozen):
    """One of several trunks that share a session's budget."""

    trunk: int = Field(description="which, from 0")
    thinking: str = Field(description="its text so far")
    spent: int = Field(description="thinking tokens so far")
    share: int = Field(description="the most thinking tokens that it may spend")
    stop_reason: StopReasonName | None = Field(
        description="why its thinking ended; pruned: it was given up; None while it goes on"
    )
    value: str | None = Field(description="of its latest answer; what answers are compared by")
    confidence: float | None = Field(description="how sure it was of it; None before its first answer")
    usage: Usage = Field(description="tokens of its own requests, by role")


class ErrorInfo(Frozen):
    """What went wrong, in which field, and what to do about it."""

    type: str = Field(description="its kind, such as `invalid_request_error`")
    message: str = Field(description="what went wrong and what to do about it, in words")
    param: str | None = Field(default=None, description="the field or parameter at fault")
    request_id: str | None = Field(default=None, description="as in the `X-Request-Id` header")


class ErrorBody(Frozen):
    """Body of every error response."""

    error: ErrorInfo = Field(description="the error")


class ReasonDocument(Frozen):
    """A session as one document: the JSON response, a snapshot, and the payload of `reason.completed`."""

    id: str = Field(description="of the session")
    model: str = Field(description="the served model's name")
    status: Status = Field(description="whether the session runs, or how it ended")
    stop_reason: StopReasonName | None = Field(description="why the thinking ended; None while it goes on")
    answer: Answer | None = Field(description="the final answer; the best interim answer until there is one")
    thinking: str = Field(description="its text so far; of several trunks, that of the one that stands for the answer")
    checkpoints: tuple[CheckpointAnswer, ...] = Field(description="the interim answers, in order")
    budget: Budget = Field(description="in thinking tokens")
    usage: Usage = Field(description="in tokens, by role")
    timings: Timings = Field(description="in milliseconds since the session began")
    error: ErrorInfo | None = Field(default=None, description="of a failed session")
    last_sequence_number: int = Field(default=0, description="of the newest event in the session's log")
    trunks: tuple[TrunkReport, ...] | None = if_given("of a session with several: each of them")

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Show what became of the question; the texts are the fields'."""
        return display.repr_args(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return display.html(self)
