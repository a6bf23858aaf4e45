"""Exact budgets, and seeded requests that go on from their own tokens as they would have: `python -m ... ENGINE`."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import EngineRequest, Sampling
from anytime_server.engines.choice import create_engine
from anytime_server.engines.contract import Engine
from anytime_server.reasoning import Reasoner
from harness.random_model import save_random_model
from smoke_parts import SMALL_CACHE

BUDGETS = (0, 1, 15, 16, 17, 64, 200)
SEEDS = range(8)
LENGTH, CUTS = 48, (1, 16, 31)


async def main(name: str) -> None:
    """Check, and say what was checked."""
    with tempfile.TemporaryDirectory() as folder:
        model = str(save_random_model(Path(folder) / "model", context=512))
        engine = create_engine(name, model, SMALL_CACHE if name == "vllm" else {})
        try:
            await engine.start()
            spent = await _spent(engine)
            resumed = [await _goes_on(engine, seed, cut) for seed in SEEDS for cut in CUTS]
        finally:
            await engine.stop()
    assert spent == list(BUDGETS), f"budgets {BUDGETS} were spent as {spent}"
    assert all(resumed), f"{resumed.count(False)} of {len(resumed)} resumed requests drew other tokens"
    print(json.dumps({"engine": name, "exact_budgets": len(spent), "resumed_alike": len(resumed)}))


async def _spent(engine: Engine) -> list[int]:
    reasoner = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))
    requests = [
        ReasonRequest(prompt="q", budget=budget, min_budget=budget, temperature=0.0, max_answer_tokens=4)
        for budget in BUDGETS
    ]
    documents = await asyncio.gather(*(reasoner.submit(request).wait() for request in requests))
    return [document.budget.spent for document in documents]


async def _goes_on(engine: Engine, seed: int, cut: int) -> bool:
    prompt = tuple(engine.tokenizer.encode("tell me about numbers"))
    whole = await _drawn(engine, f"{seed}/{cut}/whole", prompt, LENGTH, seed)
    rest = await _drawn(engine, f"{seed}/{cut}/rest", (*prompt, *whole[:cut]), LENGTH - cut, seed)
    return whole[cut:] == rest


async def _drawn(engine: Engine, name: str, prompt: tuple[int, ...], tokens: int, seed: int) -> list[int]:
    request = EngineRequest(name, prompt, tokens, Sampling(temperature=1.0, seed=seed))
    return [token async for chunk in engine.generate(request) for token in chunk.token_ids]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
