"""One interim answer: a branch off the trunk, and the drafts that were sampled there."""

from collections.abc import Sequence
from contextlib import aclosing

from anytime_server.controller import branch
from anytime_server.engines import Chunk, Engine, EngineRequest, Thinking
from anytime_server.reasoning.answers.content import content_of
from anytime_server.reasoning.answers.logprobs import mean_probability
from anytime_server.reasoning.answers.majority import Draft
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.surroundings.tally import Tally


class BranchResult:
    """The drafts of one branch as they come in, and what they cost."""

    def __init__(self, samples: int) -> None:
        """Expect `samples` drafts."""
        self.cost = Tally()
        self._tokens: list[list[int]] = [[] for _ in range(samples)]
        self._logprobs: list[list[float]] = [[] for _ in range(samples)]

    def take(self, chunk: Chunk) -> None:
        """Count a chunk in."""
        self.cost.prefill(chunk)
        self.cost.interim += len(chunk.token_ids)
        self._tokens[chunk.sample].extend(chunk.token_ids)
        self._logprobs[chunk.sample].extend(chunk.logprobs)

    def drafts(self, engine: Engine, plan: Plan) -> list[Draft]:
        """Return the drafts as they stand."""
        return [self._draft(engine, plan, sample) for sample in range(len(self._tokens))]

    def _draft(self, engine: Engine, plan: Plan, sample: int) -> Draft:
        text = content_of(self._tokens[sample], engine.tokenizer, plan.format.markers, was_cut=True)
        return Draft(text, plan.value_of(text, short=True), mean_probability(self._logprobs[sample]))


async def answer_on(
    prompt_ids: tuple[int, ...], name: str, plan: Plan, engine: Engine, session_id: str, result: BranchResult
) -> list[Draft]:
    """Ask for an interim answer on `prompt_ids` under the `name` of a branch, filling `result` on the way.

    Raises:
        EngineError: if the engine fails.
    """
    request = EngineRequest(
        request_id=f"{plan.name_of(session_id)}@{name}",
        session_id=session_id,
        client=plan.client,
        role="branch",
        prompt_ids=prompt_ids,
        max_tokens=plan.max_interim_tokens,
        sampling=plan.interim_sampling,
        samples=plan.request.interim.samples,
        # A grammar rules the open marker out, or asks for it.
        thinking=None if plan.request.structured_outputs else Thinking.over(plan.format),
        structured=plan.request.structured_outputs,
    )
    async with aclosing(engine.generate(request)) as chunks:
        async for chunk in chunks:
            result.take(chunk)
    return result.drafts(engine, plan)


def prompt_at(at: int, trunk_ids: Sequence[int], plan: Plan) -> tuple[int, ...]:
    """Return the prompt that a run with a budget of `at` thinking tokens and a short answer comes to."""
    if at == 0 and plan.direct_prompt_ids is not None:
        return (*plan.direct_prompt_ids, *plan.format.cue_ids)
    return tuple(branch(plan.prompt_ids, trunk_ids, at, plan.format, plan.request.min_budget))
