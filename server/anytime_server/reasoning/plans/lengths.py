"""How a model's context is shared out: prompt, thinking, closing, cue and answers."""

from dataclasses import dataclass, replace

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.plan import Bound
from anytime_server.reasoning.settings.settings import ReasonSettings

SMALLEST_DEFAULT_ANSWER = 32


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a session.

    Attributes:
        answer: the most of its final answer.
        interim: the most of each interim answer.
        largest_grant: the most of its thinking, over all trunks.
        largest_share: the most of the thinking of one trunk.
        total: the most of thinking, closing, cue and answer together.
        bound: what bounds the thinking.
    """

    answer: int
    interim: int
    largest_grant: int
    largest_share: int
    total: int
    bound: Bound


def closable(request: ReasonRequest, format: ThinkingFormat) -> ThinkingFormat:
    """Return `format`, with the bare close marker where the request's bound is too small for the closing before it.

    A health check asks for a few tokens and wants an answer, however short.
    """
    bound = request.max_completion_tokens
    if bound is None or request.closing is not None or bound > _forced(request, format):
        return format
    return replace(format, closing_ids=format.close_ids)


def share_out(
    request: ReasonRequest,
    prompt_ids: tuple[int, ...],
    format: ThinkingFormat,
    context: int,
    settings: ReasonSettings,
) -> Lengths:
    """Share out a context of `context` tokens: what the request names must fit, defaults give way, thinking last.

    `max_completion_tokens` is shared out likewise, between the thinking with what is forced after it, and the answer.
    The thinking leaves room for the answer; what it leaves over is the answer's too, if no length of it is given.
    Each of several trunks has a context of its own; only what the request or the server bounds is for all together.
    An answer has one token at least, also where the bound is smaller than the marker that closes the thinking.

    Raises:
        InvalidRequest: naming the field that takes too much.
    """
    room = context - len(prompt_ids) - format.forced_tokens
    if room < 1:
        raise InvalidRequest(
            f"the prompt leaves no room to answer: prompt, closing and cue take {context - room} tokens of the "
            f"model's context of {context}; shorten it",
            param=_longest_param(request, prompt_ids, format),
            code="context_length_exceeded",
        )
    explicit = "interim" in request.model_fields_set and "max_tokens" in request.interim.model_fields_set
    interim = _fitting(request.interim.max_tokens, "interim.max_tokens" if explicit else None, room)
    shared = _shared(request, format, room)
    if request.max_answer_tokens is not None:
        answer = _fitting(request.max_answer_tokens, "max_answer_tokens", shared)
    elif request.answer == "short":
        answer = interim if shared == room else _fitting(interim, None, shared)
    else:
        answer = _fitting(settings.max_answer_tokens, None, shared)
    share = room - max(answer, interim if request.checkpoints or request.trunks > 1 else 0)
    largest = share * request.trunks
    bound: Bound = "context"
    if request.max_completion_tokens is not None and shared - answer < largest:
        largest, bound = shared - answer, "request"
    if settings.max_budget is not None and settings.max_budget < largest:
        largest, bound = settings.max_budget, "server"
    # What several trunks leave over is not known when one of them begins to answer.
    open_ended = request.max_completion_tokens is not None and request.max_answer_tokens is None and request.trunks == 1
    return Lengths(
        answer=shared if open_ended and request.answer == "full" else answer,
        interim=interim,
        largest_grant=largest,
        largest_share=min(largest, share),
        total=min(context - len(prompt_ids), _total(request, format) or context),
        bound=bound,
    )


def _shared(request: ReasonRequest, format: ThinkingFormat, room: int) -> int:
    """Tokens that thinking and answer share: the room in the context, or less where the request bounds the two."""
    if request.max_completion_tokens is None:
        return room
    forced = _forced(request, format)
    if request.max_completion_tokens <= forced and request.closing is not None:
        raise InvalidRequest(
            f"{request.max_completion_tokens} tokens leave no room to answer: closing the thinking takes {forced}; "
            "raise max_completion_tokens, or shorten closing",
            param="max_completion_tokens",
        )
    return min(room, max(1, request.max_completion_tokens - forced))


def _total(request: ReasonRequest, format: ThinkingFormat) -> int | None:
    """The bound of thinking, closing, cue and answer together: larger than the request's where an answer needs it."""
    bound = request.max_completion_tokens
    return None if bound is None else max(bound, _forced(request, format) + 1)


def _forced(request: ReasonRequest, format: ThinkingFormat) -> int:
    """Tokens that are forced between the thinking and the answer, over all trunks."""
    return request.trunks * (len(format.closing_ids) + (len(format.cue_ids) if request.answer == "short" else 0))


def _fitting(tokens: int, param: str | None, room: int) -> int:
    """Check the length of an answer that the request names; a default (no `param`) gives way to the context."""
    if param is None:
        return min(tokens, max(room // 4, min(room, SMALLEST_DEFAULT_ANSWER)))
    if tokens > room:
        raise InvalidRequest(
            f"an answer of {tokens} tokens does not fit: there is room for {room}; lower {param}",
            param=param,
        )
    return tokens


def _longest_param(request: ReasonRequest, prompt_ids: tuple[int, ...], format: ThinkingFormat) -> str:
    """The field that takes most of a context that is too short."""
    if request.closing is not None and len(format.closing_ids) > len(prompt_ids):
        return "closing"
    if request.cue is not None and len(format.cue_ids) > len(prompt_ids):
        return "cue"
    return "prompt" if request.messages is None else "messages"
