"""A request made definite: prompt, format, sampling, grant and checkpoints, checked against what the engine can do."""

from dataclasses import dataclass, field, replace
from typing import Literal

from anytime_client.protocol import MAX_CHECKPOINTS, SEEDS, CheckpointRule, ReasonRequest
from anytime_server.controller import (
    CalibratedRule,
    CheckpointSchedule,
    Conditions,
    FormatError,
    StoppingRule,
    ThinkingFormat,
    ThinkingRule,
    Tokenizer,
    mix,
)
from anytime_server.engines import Engine, Sampling
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.answers import extract_value, short_value
from anytime_server.reasoning.calibrated import asks_for_a_rate, calibrated_rule
from anytime_server.reasoning.footprint import digest_of, size_of, without_texts
from anytime_server.reasoning.lengths import Lengths, closable, share_out
from anytime_server.reasoning.prompt_limit import limited
from anytime_server.reasoning.rendering import direct_prompt, rendered_prompt, tells_budget
from anytime_server.reasoning.settings import ReasonSettings
from anytime_server.reasoning.shares_checked import check_checkpoints, check_grant, check_trunks
from anytime_server.reasoning.structured import check_bounds
from anytime_server.reasoning.vigil import thinking_rule


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a session needs to know before it starts.

    Attributes:
        request: as it came, without the texts that are in the prompt unless the settings keep them.
        digest: tells the request from others.
        request_bytes: what it takes in memory.
        format: the model's thinking format with the request's closing and cue.
        prompt_ids: the prompt; its last tokens open the thinking.
        direct_prompt_ids: the family's own prompt for an answer without thinking, which follows it at once; None if
            the family has none, or if nothing of the request is answered without thinking.
        sampling: of the thinking and the answer.
        interim_sampling: of the interim answers.
        requested: thinking tokens asked for.
        largest_grant: thinking tokens that fit the context and the server's bound; of all trunks together.
        largest_share: those of them that one trunk may have.
        max_answer_tokens: of the final answer.
        max_total_tokens: of thinking, closing, cue and final answer together.
        max_interim_tokens: of each interim answer.
        sentence_end_ids: where the landing window may cut; empty if there is no window.
        stopping: the rule over interim answers.
        watching: the rule over the thinking itself.
        thinks: whether there is thinking at all; else the prompt is answered as it stands.
        calls_tools: whether the model was told of tools.
        bound: what bounds the thinking, should less be granted than is requested.
        client: whose request it is, among those who share the engine.
        asked_at: when the request came, in seconds of the wall clock; None is when its session begins.
        trunk: of a plan for one of several trunks, which it is; else None.
    """

    request: ReasonRequest
    digest: bytes
    request_bytes: int
    format: ThinkingFormat
    prompt_ids: tuple[int, ...]
    direct_prompt_ids: tuple[int, ...] | None
    sampling: Sampling
    interim_sampling: Sampling
    requested: int
    largest_grant: int
    largest_share: int
    max_answer_tokens: int
    max_total_tokens: int
    max_interim_tokens: int
    sentence_end_ids: frozenset[int]
    stopping: StoppingRule = field(default_factory=StoppingRule)
    watching: ThinkingRule = field(default_factory=ThinkingRule)
    thinks: bool = True
    calls_tools: bool = False
    bound: Literal["request", "context", "server"] = "context"
    client: str = ""
    asked_at: float | None = None
    trunk: int | None = None

    @property
    def trunks(self) -> int:
        """How many trunks share the budget."""
        return self.request.trunks if self.trunk is None else 1

    @property
    def least(self) -> int:
        """Thinking tokens that no load takes away: the `min_budget` of each trunk; several think one at least each."""
        return self.request.min_budget if self.trunks == 1 else self.trunks * max(1, self.request.min_budget)

    @property
    def granted(self) -> int:
        """Thinking tokens allowed at the start."""
        return min(self.requested, self.largest_grant)

    def variant(self, index: int) -> "Plan":
        """Return the plan of another session that answers the same request: seeded ones get consecutive seeds."""
        if self.sampling.seed is None:
            return self
        return self._seeded((self.sampling.seed + index) % SEEDS)

    def of_trunk(self, trunk: int, share: int) -> "Plan":
        """Return the plan of one of several trunks, which thinks by itself and has a `share` of the budget.

        What the trunks decide together is no part of it: when to stop, and by when. Trunk 0 draws as the only trunk of
        a session would, and each of the others from a seed of its own.
        """
        request = self.request.model_copy(update={"deadline_ms": None, "stop_when": None})
        plan = replace(
            self,
            request=request,
            requested=share,
            largest_grant=self.largest_share,
            stopping=StoppingRule(),
            trunk=trunk,
        )
        seed = self.sampling.seed
        return plan if seed is None or trunk == 0 else plan._seeded(mix(seed, trunk))

    def _seeded(self, seed: int) -> "Plan":
        return replace(
            self,
            sampling=replace(self.sampling, seed=seed),
            interim_sampling=replace(self.interim_sampling, seed=seed),
        )

    def name_of(self, session_id: str) -> str:
        """Return what the engine requests of this trunk of a session are called by."""
        return session_id if self.trunk is None else f"{session_id}-{self.trunk}"

    @property
    def deadline_s(self) -> float | None:
        """Seconds until an answer should be there."""
        return None if self.request.deadline_ms is None else self.request.deadline_ms / 1000

    @property
    def grace_s(self) -> float | None:
        """Seconds that the session goes on without a reader; None: without end."""
        return None if self.request.background else self.request.grace_ms / 1000

    def value_of(self, text: str, *, short: bool) -> str | None:
        """Return what an answer is compared by: a structured one as a whole."""
        if self.request.structured_outputs is not None:
            return text or None
        return short_value(text) if short else extract_value(text, self.format.markers.cue)

    def schedule(self, granted: int) -> CheckpointSchedule:
        """Return the checkpoints under a grant; those of a rule that is the server's are thinned out if need be."""
        schedule = self._by_rule(granted)
        return schedule if "checkpoints" in self.request.model_fields_set else schedule.thinned(MAX_CHECKPOINTS)

    def _by_rule(self, granted: int) -> CheckpointSchedule:
        rule = self.request.checkpoints
        if not isinstance(rule, CheckpointRule):
            return CheckpointSchedule(tuple(rule)).within(granted)
        if rule.every is not None:
            return CheckpointSchedule.every(rule.every, granted)
        if rule.geometric is not None:
            return CheckpointSchedule.geometric(rule.geometric, granted)
        return CheckpointSchedule.count(rule.count or 0, granted)


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
        interim_sampling=_interim_sampling(request, sampling),
        requested=requested,
        largest_grant=lengths.largest_grant,
        largest_share=lengths.largest_share,
        max_answer_tokens=lengths.answer,
        max_total_tokens=lengths.total,
        max_interim_tokens=lengths.interim,
        stopping=stopping_rule(request),
        watching=watching,
        sentence_end_ids=sentence_end_ids,
        calls_tools=bool(request.tools),
        bound=lengths.bound,
    )
    check_grant(plan)
    if asks_for_a_rate(request.stop_when):
        rule = calibrated_rule(request, _conditions(plan, engine), settings.calibration)
        plan = replace(plan, stopping=stopping_rule(request, rule))
    if request.structured_outputs is not None:
        engine.check_structured(request.structured_outputs)
    return _answering_directly(plan, _direct_prompt(request, plan, tokenizer, settings))


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


def checked_sampling(request: ReasonRequest, engine: Engine, settings: ReasonSettings) -> Sampling:
    """Return how tokens are drawn for `request`, once it is clear that it is for this model and this engine.

    Raises:
        InvalidRequest: if it names another model, or a field that the engine can't honour.
    """
    check_model(request.model, (engine.model, *settings.aliases))
    _check_engine_can(request, engine)
    return _sampling(request, engine)


def _override(request: ReasonRequest, engine: Engine, format: ThinkingFormat) -> ThinkingFormat:
    try:
        return format.override(engine.tokenizer, request.closing, request.cue)
    except FormatError as error:
        param = "closing" if "closing" in str(error) else "cue"
        raise InvalidRequest(str(error), param=param) from error


def check_model(name: str | None, served: tuple[str, ...]) -> None:
    """Check that a request which names a model names one of those served.

    Raises:
        InvalidRequest: if it does not.
    """
    if name is not None and name not in served:
        names = ", ".join(repr(one) for one in served)
        raise InvalidRequest(f"this server serves {names}, not {name!r}", param="model", code="model_not_found")


def _check_engine_can(request: ReasonRequest, engine: Engine) -> None:
    for name, remedy in engine.unsupported.items():
        if name in request.model_fields_set and getattr(request, name) is not None:
            raise InvalidRequest(f"the {engine.name} engine can't honour it: {remedy}", param=name)


def _sampling(request: ReasonRequest, engine: Engine) -> Sampling:
    default = engine.default_sampling
    temperature = default.temperature if request.temperature is None else request.temperature
    return Sampling(
        temperature=temperature,
        top_p=default.top_p if request.top_p is None else request.top_p,
        top_k=default.top_k if request.top_k is None else _cut(request.top_k, engine.tokenizer.vocab_size),
        min_p=default.min_p if request.min_p is None else request.min_p,
        seed=request.seed,
    )


def _cut(top_k: int, vocab_size: int) -> int | None:
    """Return a top_k that leaves something out; none of 0, -1 and what is no less than the vocabulary does."""
    return top_k if 0 < top_k < vocab_size else None


def _interim_sampling(request: ReasonRequest, sampling: Sampling) -> Sampling:
    temperature = request.interim.temperature
    if temperature is not None:
        sampling = replace(sampling, temperature=temperature)
    if request.interim.samples > 1 and sampling.temperature == 0:
        raise InvalidRequest(
            f"{request.interim.samples} interim samples of a greedy model are all the same; set interim.temperature "
            "above 0, or leave out interim.samples",
            param="interim.temperature",
        )
    return sampling


def _conditions(plan: Plan, engine: Engine) -> Conditions:
    """Return what a calibration must have been made for to say anything about this plan."""
    markers, sampling, interim = plan.format.markers, plan.sampling, plan.request.interim
    return Conditions(
        model=engine.model,
        open=markers.open,
        close=markers.close,
        closing=markers.closing if plan.request.closing is None else plan.request.closing,
        cue=markers.cue if plan.request.cue is None else plan.request.cue,
        temperature=sampling.temperature,
        top_p=1.0 if sampling.top_p is None else sampling.top_p,
        top_k=sampling.top_k or 0,
        min_p=sampling.min_p or 0.0,
        interim_samples=interim.samples,
        interim_temperature=plan.interim_sampling.temperature,
        interim_max_tokens=plan.max_interim_tokens,
        budget=plan.granted,
        checkpoints=plan.schedule(plan.granted // plan.trunks).at,
        trunks=plan.trunks,
    )


def stopping_rule(request: ReasonRequest, calibrated: CalibratedRule | None = None) -> StoppingRule:
    """Return the rule by which a request stops its thinking; the calibrated part of it is made when it is planned."""
    if request.stop_when is None:
        return StoppingRule()
    rules = request.stop_when
    return StoppingRule(rules.stable, rules.confidence, rules.consensus, calibrated)
