"""Sessions as a stream of chat completion chunks."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from anytime_client.protocol import (
    AnswerDelta,
    BudgetChanged,
    CheckpointEvent,
    Event,
    ReasonCompleted,
    ReasonDocument,
    ReasonResumed,
    TerminalEvent,
    ThinkingDelta,
)
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.chat_response import anytime_of, finish_reason, logprobs_of, reasoning_fields, was_cut
from anytime_server.api.openai.errors import error_body
from anytime_server.api.openai.failures import failure
from anytime_server.api.openai.merge import merged
from anytime_server.api.openai.run_events import run_events
from anytime_server.api.openai.tools import Form, Piece, parser_for
from anytime_server.api.openai.trimmed import Trimmed
from anytime_server.api.openai.usage import usage_of
from anytime_server.api.sse import compact_json
from anytime_server.reasoning import Reasoner, Session

DONE = b"data: [DONE]\n\n"


async def chunks(
    chat: ChatRequest,
    sessions: Sequence[Session],
    reasoner: Reasoner,
    form: Form,
    created: int,
    request_id: str | None = None,
) -> AsyncIterator[bytes]:
    """Yield the server-sent events of `chat`, a choice per session, as their events come in.

    What one event of a session makes is yielded as one piece, and so is sent at once. An error is told under
    `request_id`.
    """
    write = _Writer(sessions[0].id, created, reasoner.engine.model, usage=chat.stream_options.include_usage)
    runs = [run_events(session) for session in sessions]
    choices = [ChoiceStream(chat, index, form) for index in range(len(sessions))]
    # OpenAI's client counts on it that choices begin in the order of their indices.
    openings = b"".join(
        [write.choice(choice.opening(await anext(run))) for choice, run in zip(choices, runs, strict=True)]
    )
    ended: dict[int, ReasonDocument] = {}
    async for index, event in merged(runs):
        if isinstance(event, TerminalEvent):
            ended[index] = event.document
            if (error := failure(event.document, reasoner)) is not None:
                yield f"data: {compact_json(error_body(error, request_id).model_dump())}\n\n".encode()
                return
        if told := b"".join(map(write.choice, choices[index].translate(event))):
            yield openings + told
            openings = b""
    if chat.stream_options.include_usage:
        yield write.usage(usage_of([ended[index] for index in range(len(sessions))]))
    yield DONE


class _Writer:
    """Writes the chunks of one stream; what they share is encoded once."""

    def __init__(self, id: str, created: int, model: str, *, usage: bool) -> None:
        """Describe the stream; `usage` is null in all of its chunks but the last, or not there."""
        shared = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = f'data: {compact_json(shared)[:-1]},"choices":['
        self._tail = "]%s}\n\n" % (',"usage":null' if usage else "")

    def choice(self, choice: dict[str, Any]) -> bytes:
        """Return a chunk with one choice."""
        return f"{self._head}{compact_json(choice)}{self._tail}".encode()

    def usage(self, usage: dict[str, Any]) -> bytes:
        """Return the chunk that tells the usage."""
        return f'{self._head}],"usage":{compact_json(usage)}}}\n\n'.encode()


class ChoiceStream:
    """One choice's chunks. White space at the ends of the answer and what makes up its tool calls is no content."""

    def __init__(self, chat: ChatRequest, index: int, form: Form) -> None:
        """Start before the first event."""
        self._chat = chat
        self._index = index
        self._answer = Trimmed()
        self._parser = parser_for(form, chat)
        self._calls = 0

    def opening(self, created: Event) -> dict[str, Any]:
        """Return the first entry, with the role."""
        about = created.model_dump(include={"id", "budget", "checkpoints"})
        return self._choice({"role": "assistant", "content": ""}, anytime=about)

    def translate(self, event: Event) -> list[dict[str, Any]]:
        """Return the `choices` entries that tell an `event` after the first."""
        match event:
            case ThinkingDelta():
                return [self._choice(reasoning_fields(event.delta))] if self._chat.shows_reasoning else []
            case AnswerDelta():
                return self._content(self._parser.feed(event.delta), logprobs=logprobs_of(event.logprobs))
            case CheckpointEvent():
                return [self._choice({}, anytime={"checkpoint": event.as_answer().model_dump()})]
            case BudgetChanged():
                return [self._choice({}, anytime=event.model_dump(include={"budget", "checkpoints"}))]
            case ReasonCompleted():
                rest = self._parser.finish(cut=was_cut(event.document))
                return [*self._content(rest), self._last(event.document)]
            case ReasonResumed():
                return [self._choice({}, anytime={"resumed": event.model_dump(exclude={"type", "sequence_number"})})]
            case _:
                raise AssertionError(f"{event.type} has no chunk")

    def _content(self, piece: Piece, logprobs: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        text = self._answer.feed(piece.text)
        delta: dict[str, Any] = {"content": text} if text else {}
        if piece.calls:
            first, self._calls = self._calls, self._calls + len(piece.calls)
            delta["tool_calls"] = [{"index": first + i, **call.model_dump()} for i, call in enumerate(piece.calls)]
        return [self._choice(delta, logprobs=logprobs)] if delta or logprobs else []

    def _last(self, document: ReasonDocument) -> dict[str, Any]:
        reason = finish_reason(document, called=self._calls > 0 and self._chat.named_tool is None)
        return {**self._choice({}, anytime=anytime_of(document)), "finish_reason": reason}

    def _choice(self, delta: dict[str, Any], **extra: Any) -> dict[str, Any]:
        return {"index": self._index, "delta": delta, "logprobs": None, "finish_reason": None, **extra}
