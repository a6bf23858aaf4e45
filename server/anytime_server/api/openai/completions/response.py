"""Sessions that continue a text, as a completion: whole, or in chunks."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from anytime_client.protocol import AnswerDelta, Event, ReasonCompleted, ReasonDocument, TerminalEvent, TokenLogprob
from anytime_server.api.openai.chat_response import finish_reason
from anytime_server.api.openai.chat_stream import DONE
from anytime_server.api.openai.completions.request import CompletionRequest
from anytime_server.api.openai.errors import error_body
from anytime_server.api.openai.failures import failure
from anytime_server.api.openai.merge import merged
from anytime_server.api.openai.run_events import run_events
from anytime_server.api.sse import compact_json
from anytime_server.reasoning import Reasoner, Session


class TextChoice:
    """One choice: told event by event. The text is as it was generated, white space at its ends included."""

    def __init__(self, index: int) -> None:
        """Start with no text."""
        self._index = index
        self._length = 0

    def told(self, event: Event) -> dict[str, Any] | None:
        """Return what `event` adds to the choice; None if it adds nothing."""
        match event:
            case AnswerDelta(delta=delta, logprobs=logprobs):
                told = self.choice(delta, logprobs)
                self._length += len(delta)
                return told
            case ReasonCompleted(document=document):
                return {**self.choice("", None), "finish_reason": finish_reason(document, called=False)}
            case _:
                return None

    def choice(self, text: str, tokens: Sequence[TokenLogprob] | None) -> dict[str, Any]:
        """Return the entry of `choices` with this text, which goes on from what came before."""
        logprobs = None if tokens is None else _logprobs(tokens, self._length)
        return {"index": self._index, "text": text, "logprobs": logprobs, "finish_reason": None}


async def completion(
    request: CompletionRequest, sessions: Sequence[Session], documents: Sequence[ReasonDocument], created: int
) -> dict[str, Any]:
    """Return the completion with a choice per session, all of which have completed."""
    choices = [await _whole(index, session) for index, session in enumerate(sessions)]
    shared = _shared(sessions, documents[0].model, created)
    return {**shared, "choices": choices, "usage": usage_of(documents, request.n)}


async def text_chunks(
    request: CompletionRequest,
    sessions: Sequence[Session],
    reasoner: Reasoner,
    created: int,
    request_id: str | None = None,
) -> AsyncIterator[bytes]:
    """Yield the server-sent events of a completion with a choice per session, as their events come in.

    An error is told under `request_id`.
    """
    shared = _shared(sessions, reasoner.engine.model, created)
    with_usage = request.stream_options.include_usage
    usage = {"usage": None} if with_usage else {}
    choices = [TextChoice(index) for index in range(len(sessions))]
    ended: dict[int, ReasonDocument] = {}
    async for index, event in merged([run_events(session) for session in sessions]):
        if isinstance(event, TerminalEvent):
            ended[index] = event.document
            if (error := failure(event.document, reasoner)) is not None:
                yield _data(error_body(error, request_id).model_dump())
                return
        if (told := choices[index].told(event)) is not None:
            yield _data({**shared, "choices": [told], **usage})
    if with_usage:
        documents = [ended[index] for index in range(len(sessions))]
        yield _data({**shared, "choices": [], "usage": usage_of(documents, request.n)})
    yield DONE


def usage_of(documents: Sequence[ReasonDocument], n: int) -> dict[str, Any]:
    """Return the usage of prompts with `n` choices each, which follow each other: they count their prompt once."""
    firsts = [document.usage for document in documents[::n]]
    prompt = sum(usage.prompt for usage in firsts)
    completion = sum(document.usage.answer for document in documents)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.prompt_cached for usage in firsts)},
    }


async def _whole(index: int, session: Session) -> dict[str, Any]:
    text, tokens, reason = "", None, None
    async for event in run_events(session):
        if isinstance(event, AnswerDelta):
            text += event.delta
            tokens = tokens if event.logprobs is None else (*(tokens or ()), *event.logprobs)
        elif isinstance(event, ReasonCompleted):
            reason = finish_reason(event.document, called=False)
    return {**TextChoice(index).choice(text, tokens), "finish_reason": reason}


def _shared(sessions: Sequence[Session], model: str, created: int) -> dict[str, Any]:
    return {"id": sessions[0].id, "object": "text_completion", "created": created, "model": model}


def _logprobs(tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    """Return logprobs in the form of the older route: lists that go along with the tokens."""
    offsets = [offset]
    for token in tokens:
        offsets.append(offsets[-1] + len(token.token))
    likely = [{one.token: one.logprob for one in (*token.top_logprobs, token)} for token in tokens]
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": likely,
        "text_offset": offsets[:-1],
    }


def _data(body: dict[str, Any]) -> bytes:
    return f"data: {compact_json(body)}\n\n".encode()
