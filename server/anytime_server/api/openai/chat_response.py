"""Sessions that have ended as a chat completion."""

from collections.abc import Sequence
from typing import Any

from anytime_client.protocol import ReasonDocument, TokenLogprob
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.tools import Form, parse, parser_for
from anytime_server.api.openai.usage import usage_of


def completion(chat: ChatRequest, documents: Sequence[ReasonDocument], form: Form, created: int) -> dict[str, Any]:
    """Return the response of `chat`, a choice per document, by a model that writes its calls in `form`.

    Its id is the first session's, for /reason/{id}.
    """
    return {
        "id": documents[0].id,
        "object": "chat.completion",
        "created": created,
        "model": documents[0].model,
        "choices": [_choice(chat, index, document, form) for index, document in enumerate(documents)],
        "usage": usage_of(documents),
    }


def _choice(chat: ChatRequest, index: int, document: ReasonDocument, form: Form) -> dict[str, Any]:
    answer = document.answer
    text = answer.text if answer else ""
    piece = parse(text, parser_for(form, chat), cut=was_cut(document))
    message: dict[str, Any] = {"role": "assistant", "content": piece.text if piece.text or not piece.calls else None}
    if chat.shows_reasoning:
        message |= reasoning_fields(document.thinking)
    if piece.calls:
        message["tool_calls"] = [call.model_dump() for call in piece.calls]
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_of(answer.logprobs if answer else None),
        "finish_reason": finish_reason(document, called=bool(piece.calls) and chat.named_tool is None),
        "anytime": anytime_of(document),
    }


def reasoning_fields(text: str) -> dict[str, str]:
    """Thinking under both names that clients look for."""
    return {"reasoning": text, "reasoning_content": text}


def was_cut(document: ReasonDocument) -> bool:
    """Whether the answer was ended before the model ended it."""
    return document.answer is not None and document.answer.finish_reason == "length"


def finish_reason(document: ReasonDocument, *, called: bool) -> str:
    """Why a completed choice ended. One whose client has named the call has not `called`: it stops, as at OpenAI."""
    reason = document.answer.finish_reason if document.answer else None
    return "tool_calls" if called and reason == "stop" else reason or "stop"


def logprobs_of(tokens: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    """Return the logprobs of an answer or a delta; None if none were asked for."""
    return None if tokens is None else {"content": [token.model_dump() for token in tokens], "refusal": None}


def anytime_of(document: ReasonDocument) -> dict[str, Any]:
    """Return what OpenAI's format has no place for."""
    answer = document.answer
    return {
        "id": document.id,
        "stop_reason": document.stop_reason,
        "value": answer.value if answer else None,
        "confidence": answer.confidence if answer else None,
        **document.model_dump(include={"budget", "checkpoints", "usage", "timings"}),
    }
