"""Exact budgets where vLLM speculates, with the model as its own draft: `python -m smoke_parts.drafts`."""

import asyncio
import json
import tempfile
from pathlib import Path

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines.choice import create_engine
from anytime_server.reasoning import Reasoner
from harness.random_model import save_random_model
from smoke_parts import SMALL_CACHE

BUDGETS = (0, 1, 2, 3, 4, 5, 15, 16, 17, 64, 200)
TEMPERATURES = (0.0, 1.0)
DRAFTS = 3


async def main() -> None:
    """Think with each budget at each temperature; print how many were exact, and the tokens of a step of one alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(save_random_model(Path(folder) / "model", context=512))
        speculative = {"method": "draft_model", "model": path, "num_speculative_tokens": DRAFTS}
        engine = create_engine("vllm", path, {**SMALL_CACHE, "speculative_config": speculative})
        try:
            await engine.start()
            reasoner = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))
            found = []
            for temperature in TEMPERATURES:
                orders = [_order(budget, temperature) for budget in BUDGETS]
                documents = await asyncio.gather(*(reasoner.submit(order).wait() for order in orders))
                found.append([document.budget.spent for document in documents])
            before = engine.steps
            await reasoner.submit(_order(BUDGETS[-1], 0.0)).wait()
            per_step = BUDGETS[-1] / (engine.steps - before)
        finally:
            await engine.stop()
    assert found == [list(BUDGETS)] * len(TEMPERATURES), f"budgets {BUDGETS} were spent as {found}"
    assert per_step > 1, f"{per_step} tokens a step: nothing that was drafted was taken"
    print(json.dumps({"exact_budgets": len(BUDGETS) * len(TEMPERATURES), "tokens_per_step": round(per_step, 2)}))


def _order(budget: int, temperature: float) -> ReasonRequest:
    return ReasonRequest(
        prompt="q", budget=budget, min_budget=budget, temperature=temperature, max_answer_tokens=4, checkpoints=[]
    )


if __name__ == "__main__":
    asyncio.run(main())
