"""Our processor against vLLM's own thinking_token_budget: both hard, with the bare marker as the closing."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from anytime_server.controller import ThinkingFormat, mix
from anytime_server.engines import Sampling
from engines.vllm.generation import GREEDY, prompt, run_one, thinking

if TYPE_CHECKING:
    from anytime_server.engines.vllm.engine import VLLMEngine

QUESTIONS = ["What is 37+48?", "largest of 9*8, 91-16", "12+7+25+9"]
MAX_TOKENS = 60


async def built_in(engine: "VLLMEngine", prompt_ids: tuple[int, ...], budget: int, sampling: Sampling) -> list[int]:
    """The tokens under vLLM's own budget."""
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    seed = sampling.seed
    if seed is not None and not engine._draws_by_position:
        seed = mix(seed, len(prompt_ids))  # as our engine seeds the V1 runner: another stream for each length of input
    params = SamplingParams(
        temperature=sampling.temperature,
        seed=seed,
        max_tokens=MAX_TOKENS,
        ignore_eos=True,
        stop_token_ids=list(engine.tokenizer.eos_ids),
        thinking_token_budget=budget,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    name = f"built-in-{hash((prompt_ids, budget, sampling))}"
    outputs = [output async for output in engine._llm.generate(tokens_input(list(prompt_ids)), params, name)]
    return list(outputs[-1].outputs[0].token_ids)


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, seed=11)], ids=["greedy", "sampled"])
@pytest.mark.parametrize("budget", [0, 1, 2, 7, 33])
async def test_both_budgets_give_the_same_tokens(engine: "VLLMEngine", budget: int, sampling: Sampling) -> None:
    format = ThinkingFormat.resolve(engine.tokenizer)
    bare = replace(format, closing_ids=format.close_ids)

    async def hold(question: str) -> None:
        ids = prompt(engine, question)
        ours, theirs = await asyncio.gather(
            run_one(engine, thinking(bare, budget), prompt_ids=ids, sampling=sampling, max_tokens=MAX_TOKENS),
            built_in(engine, ids, budget, sampling),
        )
        assert ours.tokens == theirs
        closed_at = ours.tokens.index(format.close_ids[0])
        # What is sampled may close by itself.
        assert closed_at == budget if sampling is GREEDY else closed_at <= budget

    await asyncio.gather(*map(hold, QUESTIONS))
