"""A text that is continued as it stands: a session that only answers. No template, no thinking, no closing."""

from dataclasses import replace

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Engine
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.footprint import digest_of, size_of, without_texts
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.plans.sampling import checked_sampling
from anytime_server.reasoning.settings.settings import ReasonSettings


def continuation_plan(
    request: ReasonRequest,
    prompt_ids: tuple[int, ...],
    engine: Engine,
    format: ThinkingFormat,
    settings: ReasonSettings,
) -> Plan:
    """Return the plan that continues `prompt_ids` for `max_completion_tokens` at the most, as far as the context goes.

    Raises:
        InvalidRequest: naming the field that can't be honoured, and the remedy.
    """
    sampling = checked_sampling(request, engine, settings)
    context = engine.limits.max_model_len
    longest = min(context - 1, settings.max_prompt_tokens or context)
    if len(prompt_ids) > longest:
        raise InvalidRequest(
            f"the prompt has {len(prompt_ids)} tokens; this server takes {longest}: shorten it",
            param="prompt",
            code="context_length_exceeded",
        )
    room = context - len(prompt_ids)
    tokens = min(room, request.max_completion_tokens or room)
    kept = request if settings.keep_prompts else without_texts(request)
    return Plan(
        request=kept,
        digest=digest_of(request),
        request_bytes=size_of(kept),
        format=replace(format, closing_ids=(), cue_ids=()),
        prompt_ids=prompt_ids,
        direct_prompt_ids=None,
        sampling=sampling,
        interim_sampling=sampling,
        requested=0,
        largest_grant=0,
        largest_share=0,
        max_answer_tokens=tokens,
        max_total_tokens=tokens,
        max_interim_tokens=1,
        sentence_end_ids=frozenset(),
        thinks=False,
    )
