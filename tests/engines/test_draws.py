"""Seeded runs draw by position: whatever interrupts them, they are equal."""

import asyncio
from dataclasses import replace

import pytest
import torch

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import BudgetPolicy, ThinkingFormat
from anytime_server.engines import EngineRequest, Sampling, Thinking
from anytime_server.engines.transformers.rows import race
from anytime_server.reasoning import Reasoner

SEEDED = Sampling(temperature=1.0, seed=7)
BUDGET = 40


async def tokens_of(engine, request):
    return [token async for chunk in engine.generate(request) for token in chunk.token_ids]


def format_of(engine):
    """A short closing: each of its bytes is a token."""
    return ThinkingFormat.resolve(engine.tokenizer).override(engine.tokenizer, closing=" ...")


def thinking(engine, trunk=(), name="whole", **sampling):
    format = format_of(engine)
    prompt = tuple(engine.tokenizer.encode("question: ")) + format.open_ids
    think = Thinking(BudgetPolicy(BUDGET, min_budget=BUDGET), format, tuple(trunk))
    return EngineRequest(
        name, prompt, BUDGET + len(format.closing_ids) + 12 - len(trunk), replace(SEEDED, **sampling), thinking=think
    )


async def test_a_seeded_run_cut_anywhere_and_resumed_is_the_undisturbed_one(qwen3_engine):
    whole = await tokens_of(qwen3_engine, thinking(qwen3_engine))
    cuts = range(0, BUDGET + 1, 3)
    resumed = await asyncio.gather(
        *(tokens_of(qwen3_engine, thinking(qwen3_engine, whole[:cut], f"cut{cut}")) for cut in cuts)
    )
    assert [whole[:cut] + rest for cut, rest in zip(cuts, resumed, strict=True)] == [whole] * len(cuts)
    assert whole != await tokens_of(qwen3_engine, thinking(qwen3_engine, name="other", seed=8))


async def test_a_seeded_answer_goes_on_from_its_tokens(qwen3_engine):
    prompt = tuple(qwen3_engine.tokenizer.encode("hello"))
    request = EngineRequest("answer", prompt, 30, SEEDED)
    whole = await tokens_of(qwen3_engine, request)
    for cut in (1, 11, 29):
        rest = replace(request, request_id=f"rest{cut}", prompt_ids=(*prompt, *whole[:cut]), max_tokens=30 - cut)
        assert whole[:cut] + await tokens_of(qwen3_engine, rest) == whole


@pytest.fixture
def reasoner(qwen3_engine):
    return Reasoner(qwen3_engine, format_of(qwen3_engine))


def ask(budget):
    fields = {"temperature": 1, "seed": 3, "min_budget": budget, "checkpoints": [], "max_answer_tokens": 8}
    return ReasonRequest(prompt="question", budget=budget, **fields)


async def test_an_extended_seeded_run_is_one_that_had_the_larger_budget_from_the_start(reasoner):
    longer = await reasoner.submit(ask(40)).wait()
    session = reasoner.submit(ask(15))
    await session.wait()
    reasoner.extend(session.id, 40, relative=False)
    extended = await session.wait()
    assert (extended.thinking, extended.answer) == (longer.thinking, longer.answer)


async def test_answer_now_answers_as_a_seeded_run_with_that_budget(reasoner):
    session = reasoner.submit(ask(60).model_copy(update={"min_budget": 0}))
    async for entry in session.log.read():
        if entry.type == "thinking.delta":
            session.answer_now()
            break
    document = await session.wait()
    spent = document.budget.spent
    assert 0 < spent < 60
    alone = await reasoner.submit(ask(spent)).wait()
    assert (alone.thinking, alone.answer) == (document.thinking, document.answer)


def test_rows_that_draw_together_draw_what_each_would_alone() -> None:
    probs = torch.randn(4, 300, generator=torch.Generator().manual_seed(0)).mul(3).softmax(-1)
    seeds = [5, 6, 2**63 - 1]
    alone = [
        torch.multinomial(row, 1, generator=torch.Generator().manual_seed(seed)).item()
        for row, seed in zip(probs, seeds, strict=False)
    ]
    together = race(probs, [*(torch.Generator().manual_seed(seed) for seed in seeds), None])
    assert together[:3].tolist() == alone


def test_rows_without_a_seed_draw_as_likely_as_asked() -> None:
    share = torch.tensor([0.0, 0.1, 0.6, 0.3])
    drawn = race(share.repeat(20_000, 1), [None] * 20_000).bincount(minlength=4) / 20_000
    torch.testing.assert_close(drawn, share, rtol=0, atol=0.02)
    assert drawn[0] == 0
