"""The fields of a request as typed keyword arguments; a test holds them equal to `protocol.ReasonRequest`'s."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

from anytime_client.protocol import (
    ChatMessage,
    CheckpointRule,
    InterimOptions,
    StopWhen,
    StructuredOutputs,
    TextPart,
    ToolCall,
    ToolDefinition,
)


class MessageDict(TypedDict, total=False):
    """A `ChatMessage` as a dictionary; `role` always, and `content` but for an assistant's turn of tool calls alone."""

    role: Required[Literal["system", "developer", "user", "assistant", "tool"]]
    content: str | Sequence[TextPart | Mapping[str, str]] | None
    name: str | None
    reasoning_content: str | None
    tool_calls: Sequence[ToolCall | Mapping[str, Any]] | None
    tool_call_id: str | None


Question = str | Sequence[ChatMessage | MessageDict]
"""A prompt, or a conversation that does not end with the assistant."""


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
    """`StopWhen` as a dictionary; give one or more."""

    stable: int
    confidence: float
    consensus: float
    risk: float
    give_up: float
    loop: Literal[True]
    match: str


class StructuredOutputsDict(TypedDict, total=False):
    """`StructuredOutputs` as a dictionary; give exactly one."""

    json: Mapping[str, Any]
    json_object: Literal[True]
    regex: str
    choice: Sequence[str]
    grammar: str


class ReasonFields(TypedDict, total=False):
    """Fields of a request beside the question; None leaves one to the server. See `protocol.ReasonRequest`."""

    messages: Sequence[ChatMessage | MessageDict] | None
    model: str | None
    budget: int | None
    min_budget: int | None
    checkpoints: Sequence[int] | CheckpointRule | CheckpointRuleDict | str | None
    interim: InterimOptions | InterimOptionsDict | None
    stop_when: StopWhen | StopWhenDict | str | None
    trunks: int | None
    prune: bool | None
    first: int | None
    answer: Literal["full", "short"] | None
    max_answer_tokens: int | None
    max_completion_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    seed: int | None
    stop: str | Sequence[str] | None
    tools: Sequence[ToolDefinition | Mapping[str, Any]] | None
    chat_template_kwargs: Mapping[str, Any] | None
    trust_special_tokens: bool | None
    structured_outputs: StructuredOutputs | StructuredOutputsDict | None
    logprobs: bool | None
    top_logprobs: int | None
    closing: str | None
    cue: str | None
    deadline_ms: int | None
    background: bool | None
    grace_ms: int | None
