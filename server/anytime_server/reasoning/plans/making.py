"""How a request is made definite: checked against what the model, the engine and the settings allow, part by part."""

from dataclasses import replace

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import FormatError, ThinkingFormat, Tokenizer
from anytime_server.engines import Engine
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.calibrated import calibrated_rule, conditions_of
from anytime_server.reasoning.plans.footprint import digest_of, size_of, without_texts
from anytime_server.reasoning.plans.lengths import Lengths, closable, share_out
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.plans.prompt.limit import limited
from anytime_server.reasoning.plans.prompt.rendering import direct_prompt, rendered_prompt, tells_budget
from anytime_server.reasoning.plans.rules import stopping_rule, thinking_rule
from anytime_server.reasoning.plans.sampling import checked_sampling, interim_sampling
from anytime_server.reasoning.plans.shares import check_checkpoints, check_grant, check_trunks
from anytime_server.reasoning.plans.structured import check_bounds
from anytime_server.reasoning.settings.settings import ReasonSettings


def make_plan(
    request: ReasonRequest,
    engine: Engine,
    format: ThinkingFormat,
    settings: ReasonSettings,
    sentence_end_ids: frozenset[int] = frozenset(),
) -> Plan:
    """Check `request` and make it definite.

    Raises:
        InvalidRequest: naming the field that can't be honoured, and the remedy.
    """
    sampling = checked_sampling(request, engine, settings)
    watching = thinking_rule(request)
    if request.structured_outputs is not None:
        check_bounds(request.structured_outputs)
    format = closable(request, _override(request, engine, format))
    context = engine.limits.max_model_len
    tokenizer = limited(engine.tokenizer, min(context, settings.max_prompt_tokens or context))
    requested = settings.default_budget if request.budget is None else request.budget
    check_trunks(request, sampling, requested)
    check_checkpoints(request, requested // request.trunks)
    prompt_ids, lengths = _prompt(request, tokenizer, context, format, settings, requested)
    kept = request if settings.keep_prompts else without_texts(request)
    plan = Plan(
        request=kept,
        digest=digest_of(request),
        request_bytes=size_of(kept),
        format=format,
        prompt_ids=prompt_ids,
        direct_prompt_ids=None,
        sampling=sampling,
        interim_sampling=interim_sampling(request, sampling),
        requested=requested,
        largest_grant=lengths.largest_grant,
        largest_share=lengths.largest_share,
        max_answer_tokens=lengths.answer,
        max_total_tokens=lengths.total,
        max_interim_tokens=lengths.interim,
        stopping=stopping_rule(request),
        watching=watching,
        sentence_end_ids=sentence_end_ids,
        calls_tools=bool(request.tools) and request.structured_outputs is None,
        bound=lengths.bound,
    )
    check_grant(plan)
    if request.stop_when is not None and request.stop_when.asks_for_a_rate:
        rule = calibrated_rule(request, conditions_of(plan, engine.model), settings.calibration)
        plan = replace(plan, stopping=stopping_rule(request, rule))
    if request.structured_outputs is not None:
        engine.check_structured(request.structured_outputs)
    return _answering_directly(plan, _direct_prompt(request, plan, tokenizer, settings))


def _override(request: ReasonRequest, engine: Engine, format: ThinkingFormat) -> ThinkingFormat:
    try:
        return format.override(engine.tokenizer, request.closing, request.cue)
    except FormatError as error:
        param = "closing" if "closing" in str(error) else "cue"
        raise InvalidRequest(str(error), param=param) from error


def _prompt(
    request: ReasonRequest,
    tokenizer: Tokenizer,
    context: int,
    format: ThinkingFormat,
    settings: ReasonSettings,
    requested: int,
) -> tuple[tuple[int, ...], Lengths]:
    """Return the prompt and what it leaves of the context; a prompt that tells the model its budget tells the grant.

    That of one trunk, where several share it.
    """
    prompt_ids = rendered_prompt(request, tokenizer, format, settings, requested // request.trunks)
    lengths = share_out(request, prompt_ids, format, context, settings)
    if lengths.largest_grant >= requested or not tells_budget(tokenizer):
        return prompt_ids, lengths
    granted = max(lengths.largest_grant, 0)
    prompt_ids = rendered_prompt(request, tokenizer, format, settings, granted // request.trunks)
    shared = share_out(request, prompt_ids, format, context, settings)
    return prompt_ids, replace(shared, largest_grant=min(shared.largest_grant, granted))


def _direct_prompt(
    request: ReasonRequest, plan: Plan, tokenizer: Tokenizer, settings: ReasonSettings
) -> tuple[int, ...] | None:
    """Return the prompt without thinking if an answer has none before it: the final one, or that of a checkpoint at 0.

    There is room for one that is no longer than the other prompt and its closing, whose place it takes.
    """
    if plan.granted > 0 and 0 not in plan.schedule(plan.granted // plan.trunks).at:
        return None
    ids = direct_prompt(request, tokenizer, plan.format, settings)
    return ids if ids is not None and len(ids) <= len(plan.prompt_ids) + len(plan.format.closing_ids) else None


def _answering_directly(plan: Plan, direct_prompt_ids: tuple[int, ...] | None) -> Plan:
    """Return the plan with its prompt without thinking; an answer on it may have the tokens that no closing takes."""
    request = plan.request
    open_ended = request.max_completion_tokens is not None and request.max_answer_tokens is None
    most = plan.max_answer_tokens
    if direct_prompt_ids is not None and plan.granted == 0 and open_ended and request.answer == "full":
        most = plan.max_total_tokens
    return replace(plan, direct_prompt_ids=direct_prompt_ids, max_answer_tokens=most)
