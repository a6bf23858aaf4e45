"""A request made definite: everything a session needs to know before it starts."""

from dataclasses import dataclass, field, replace
from typing import Literal

from anytime_client.protocol import MAX_CHECKPOINTS, SEEDS, CheckpointRule, ReasonRequest
from anytime_server.controller import CheckpointSchedule, StoppingRule, ThinkingFormat, ThinkingRule, mix
from anytime_server.engines import Sampling
from anytime_server.values import short_value, value_of

Bound = Literal["request", "context", "server"]
"""What bounds the thinking: the request's own bound on all tokens, the model's context, or the server's settings."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session thinks about, how far, and by which rules.

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
        calls_tools: whether the model was told of tools, and writes its calls in a form of its own.
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
    bound: Bound = "context"
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
        return short_value(text) if short else value_of(text, self.format.markers.cue)

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
