"""How long a leg without logprobs is: nobody reads those of thinking, and they slow an engine down."""

from anytime_server.controller import BudgetPolicy
from anytime_server.engines import Engine
from anytime_server.reasoning.plans.plan import Plan


def plain_tokens(plan: Plan, engine: Engine, policy: BudgetPolicy, spent: int) -> int | None:
    """Return how many tokens the next leg generates without them, to hand over behind; None if it is no such leg.

    A request that wants logprobs gets none: a token that closes the thinking may hold the first of the answer.
    """
    request, least, block = plan.request, engine.plain_from, engine.limits.block_size
    if least is None or request.logprobs or request.structured_outputs is not None:
        return None
    begin = len(plan.prompt_ids) + spent
    # The last token of a prompt is always computed, so it is the first of a block.
    end = (begin + policy.budget - spent - 1) // block * block + 1
    return end - begin if end - begin >= least else None
