"""The fields of a request as typed keyword arguments; a test holds them equal to `protocol.ReasonRequest`'s."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from anytime_client.protocol import ChatMessage, CheckpointRule, InterimOptions, StopWhen


class MessageDict(TypedDict):
    """A `ChatMessage` as a dictionary."""

    role: Literal["system", "user", "assistant"]
    content: str


Question = str | Sequence[ChatMessage | MessageDict]
"""A prompt, or a conversation that ends with the user."""


class CheckpointRuleDict(TypedDict, total=False):
    """A `CheckpointRule` as a dictionary; give exactly one."""

    every: int
    count: int
    geometric: float


class InterimOptionsDict(TypedDict, total=False):
    """`InterimOptions` as a dictionary."""

    max_tokens: int
    samples: int
    temperature: float | None


class StopWhenDict(TypedDict, total=False):
    """`StopWhen` as a dictionary; give one or both."""

    stable: int
    confidence: float


class ReasonFields(TypedDict, total=False):
    """Fields of a request beside the question; None leaves one to the server. See `protocol.ReasonRequest`."""

    messages: Sequence[ChatMessage | MessageDict] | None
    model: str | None
    budget: int | None
    min_budget: int | None
    checkpoints: Sequence[int] | CheckpointRule | CheckpointRuleDict | None
    interim: InterimOptions | InterimOptionsDict | None
    stop_when: StopWhen | StopWhenDict | None
    answer: Literal["full", "short"] | None
    max_answer_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    seed: int | None
    stop: str | Sequence[str] | None
    closing: str | None
    cue: str | None
    deadline_ms: int | None
    background: bool | None
    grace_ms: int | None
