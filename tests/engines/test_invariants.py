"""The invariants of the design, on every engine: exact budgets, prefix consistency, conservation, the log, no leaks."""

import asyncio
import random
from importlib.util import find_spec

import pytest
import re2

from anytime_client.protocol import EVENT_ADAPTER, ReasonRequest, StopWhen
from anytime_server.controller import ThinkingWatch
from anytime_server.engines import EngineLoad
from anytime_server.reasoning import Reasoner
from anytime_server.reasoning.plans.rules import rule_of
from engines.counted import CountedEngine
from engines.vllm.generation import terse

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
ENGINES = [
    "fake_engine",
    "qwen3_engine",
    "remote_engine",
    pytest.param("vllm_engine", marks=[needs_vllm, pytest.mark.slow]),
]
one_format = pytest.mark.parametrize("reasoner", ENGINES, indirect=True)
"""For what does not depend on how the model marks its thinking."""

QUESTION = "largest of 37+48, 9*8, 91-16, 12+7, 4*11"


@pytest.fixture(params=[*ENGINES, "gpt_oss_engine"])
def reasoner(request):
    engine = CountedEngine(request.getfixturevalue(request.param))
    return Reasoner(engine, terse(engine))


def ask(**fields):
    defaults = {"prompt": QUESTION, "temperature": 0.0, "checkpoints": [], "max_answer_tokens": 12}
    return ReasonRequest(**{**defaults, "interim": {"max_tokens": 12}, **fields})


async def run(reasoner, **fields):
    return await reasoner.submit(ask(**fields)).wait()


def over_a_block(engine):
    """Thinking tokens that reach over a block of the prefix cache: in vLLM 32 tokens, elsewhere 16."""
    return engine.limits.block_size + 22


async def free(engine):
    async with asyncio.timeout(10):
        while engine.load() != EngineLoad(running=0, waiting=0, kv_in_use=0.0):
            await asyncio.sleep(0.01)


async def test_budgets_are_exact(reasoner):
    budgets = [0, 1, 2, 3, 7, 15, 16, 17, 31, 40]
    documents = await asyncio.gather(*(run(reasoner, budget=budget) for budget in budgets))
    for budget, document in zip(budgets, documents, strict=True):
        assert document.status == "completed", document.error
        assert document.budget.spent <= budget
        assert document.stop_reason in ("budget", "natural")
        if document.stop_reason == "budget":
            assert document.budget.spent == budget
    assert "budget" in {document.stop_reason for document in documents}


async def test_thinking_is_a_prefix_of_that_under_a_larger_budget_and_interim_answers_are_short_answers(reasoner):
    at = [0, 3, 9, 16, 25, 33]
    whole = await run(reasoner, budget=40, checkpoints=at)
    alones = [run(reasoner, budget=point.at, answer="short", max_answer_tokens=12) for point in whole.checkpoints]
    for checkpoint, alone in zip(whole.checkpoints, await asyncio.gather(*alones), strict=True):
        assert whole.thinking.startswith(alone.thinking)
        assert alone.budget.spent == checkpoint.at
        assert alone.answer is None or alone.answer.text == checkpoint.answer
    reached = [point for point in at if point <= whole.budget.spent]
    assert [checkpoint.at for checkpoint in whole.checkpoints] == reached


async def test_usage_adds_up_to_what_the_engine_reports(reasoner):
    engine = reasoner.engine
    document = await run(reasoner, budget=40, checkpoints={"every": 9})
    usage = document.usage
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert (usage.cached, usage.cached + usage.computed) == (engine.cached, engine.prompt)
    assert usage.prompt == len(engine.requests[0].prompt_ids)
    assert usage.thinking == document.budget.spent


async def test_branches_compute_no_more_than_their_own_tokens_and_a_block(reasoner):
    engine = reasoner.engine
    format = reasoner.format
    most = over_a_block(engine)
    document = await run(reasoner, budget=most, checkpoints={"every": most // 4})
    own = len(format.closing_ids) + len(format.cue_ids)
    for checkpoint in document.checkpoints:
        assert checkpoint.computed_tokens <= own + engine.limits.block_size
    assert document.checkpoints or document.stop_reason == "natural"


async def test_the_model_thinks_at_least_min_budget(reasoner):
    document = await run(reasoner, budget=30, min_budget=30)
    assert (document.budget.spent, document.stop_reason) == (30, "budget")


@one_format
async def test_sampling_is_reproducible_by_seed(reasoner):
    drawn = {"budget": 30, "temperature": 1.0, "top_p": 0.95, "top_k": 40}
    first = await run(reasoner, seed=7, **drawn)
    second, other = await asyncio.gather(*(run(reasoner, seed=seed, **drawn) for seed in (7, 8)))
    assert first.thinking == second.thinking
    assert first.answer.text == second.answer.text
    if reasoner.engine.name != "fake" and reasoner.engine.model != "anytime-tiny":
        assert other.thinking != first.thinking


async def test_an_extended_session_has_the_thinking_of_one_that_had_the_budget_at_once(reasoner):
    # At least as long as the first budget: thinking that ended by itself is made to go on when it is extended.
    session = reasoner.submit(ask(budget=17, min_budget=17))
    whole, _ = await asyncio.gather(run(reasoner, budget=36, min_budget=17), session.wait())
    reasoner.extend(session.id, 36, relative=False)
    document = await session.wait()
    assert document.thinking == whole.thinking
    assert document.answer.text == whole.answer.text


async def test_thinking_ends_at_the_very_token_at_which_its_text_matches(reasoner):
    session = reasoner.submit(ask(budget=60, min_budget=60))
    whole = await session.wait()
    ids, vocabulary = session._generation.trunk.ids, reasoner.engine.tokenizer.vocabulary
    text = b"".join(vocabulary[token] for token in ids).decode(errors="replace")
    rules = StopWhen(loop=True, match=f"(?s)..{re2.escape(text[20])}")
    watch = ThinkingWatch(rule_of(rules), vocabulary)
    ends = next(count for count, token in enumerate(ids, start=1) if watch.observe(token))
    document = await run(reasoner, budget=60, min_budget=60, stop_when=rules)
    assert (document.stop_reason, document.budget.spent) == ("match", ends)
    assert whole.thinking.startswith(document.thinking)
    assert document.answer.finish_reason is not None
    usages = (whole.usage, document.usage)
    assert reasoner.engine.generated == sum(one.thinking + one.forced + one.answer + one.discarded for one in usages)
    await free(reasoner.engine)


@one_format
async def test_a_storm_of_cancels_leaves_the_engine_empty_and_every_log_whole(reasoner):
    chance = random.Random(3)

    async def one(index):
        session = reasoner.submit(ask(budget=30, checkpoints={"every": 7}, temperature=1.0))
        if index % 2:
            await asyncio.sleep(chance.random() * 0.2)
            session.cancel()
        elif index % 4 == 0:
            await asyncio.sleep(chance.random() * 0.1)
            session.answer_now()
        return session, await session.wait()

    for session, document in await asyncio.gather(*(one(index) for index in range(24))):
        events = [EVENT_ADAPTER.validate_json(entry.data) async for entry in session.log.read()]
        assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
        terminal = [event for event in events if event.type in ("reason.completed", "reason.cancelled")]
        assert terminal == events[-1:]
        assert events[-1].document == document
    await free(reasoner.engine)


@pytest.mark.parametrize("most", [30, 47])
async def test_thinking_closing_and_answer_together_stay_within_max_completion_tokens(reasoner, most):
    forced = len(reasoner.format.closing_ids)
    document = await run(reasoner, max_completion_tokens=most + forced, max_answer_tokens=None)
    usage = document.usage
    total = usage.thinking + usage.forced + usage.answer
    assert total <= most + forced
    assert document.budget.granted <= most - most // 4
    assert usage.answer > 0
    if document.answer.finish_reason == "length":
        assert total == most + forced


@one_format
async def test_the_most_likely_tokens_are_told_beside_each_of_the_answer(reasoner):
    document = await run(reasoner, budget=8, min_budget=8, logprobs=True, top_logprobs=3)
    tokens = document.answer.logprobs
    ended = document.answer.finish_reason == "stop"
    spelled = b"".join(bytes(token.bytes) for token in tokens).decode(errors="replace")
    assert spelled.strip().startswith(document.answer.text)
    assert len(tokens) == document.usage.answer - ended
    for token in tokens:
        values = [other.logprob for other in token.top_logprobs]
        assert len(values) == 3
        assert values == sorted(values, reverse=True)
        # The answers are greedy.
        assert (token.top_logprobs[0].token, values[0]) == (token.token, pytest.approx(token.logprob, abs=1e-4))


@one_format
async def test_min_p_leaves_out_what_is_not_likely_enough(reasoner):
    tempered = {"temperature": 1.5, "seed": 3, "min_p": 1.0}
    greedy, drawn = await asyncio.gather(run(reasoner, budget=20), run(reasoner, budget=20, **tempered))
    assert (drawn.thinking, drawn.answer.text) == (greedy.thinking, greedy.answer.text)


@one_format
async def test_a_prompt_seen_before_is_told_as_cached(reasoner):
    documents = [await run(reasoner, prompt=QUESTION * 7, budget=5, checkpoints=[0, 3]) for _ in range(2)]
    first, second = [document.usage for document in documents]
    block = reasoner.engine.limits.block_size
    assert second.prompt - second.prompt_cached <= block
    assert first.prompt_cached <= first.prompt


@one_format
@pytest.mark.parametrize("whole_budget", [False, True])
async def test_long_thinking_without_logprobs_changes_nothing_but_the_requests(reasoner, whole_budget):
    """Engines that logprobs slow down think without them, and hand over at a block of the prefix cache."""
    engine = reasoner.engine
    most = over_a_block(engine)
    fields = {"budget": most, "min_budget": most if whole_budget else 0}
    engine.plain_from = 16
    plain = await run(reasoner, **fields)
    usage = plain.usage
    assert usage.thinking + usage.forced + usage.answer + usage.discarded == engine.generated
    assert (usage.cached, usage.cached + usage.computed) == (engine.cached, engine.prompt)
    assert [request.logprobs for request in engine.requests] == [False, True]
    assert usage.computed - usage.prompt <= (1 if whole_budget else engine.limits.block_size)
    engine.plain_from = None
    whole = await run(reasoner, **fields)
    assert [request.logprobs for request in engine.requests] == [False, True, True]
    assert (plain.thinking, plain.answer.text) == (whole.thinking, whole.answer.text)
    assert plain.answer.confidence == pytest.approx(whole.answer.confidence, abs=1e-3)


@one_format
async def test_thinking_without_logprobs_is_reproducible_by_seed(reasoner):
    reasoner.engine.plain_from = 16
    most = over_a_block(reasoner.engine)
    fields = {"budget": most, "min_budget": most, "temperature": 1.0, "seed": 7, "top_p": 0.95}
    first, second = await asyncio.gather(*(run(reasoner, **fields) for _ in range(2)))
    assert (first.thinking, first.answer.text) == (second.thinking, second.answer.text)


async def test_trunks_share_one_exact_budget_and_each_is_accounted_for(reasoner):
    engine = reasoner.engine
    fields = {"temperature": 1.0, "seed": 11, "min_budget": 12, "answer": "short"}
    document = await run(reasoner, trunks=3, budget=40, checkpoints=[6], **fields)
    assert (document.status, document.error) == ("completed", None)
    assert [trunk.share for trunk in document.trunks] == [14, 13, 13]
    spent, usage = [trunk.spent for trunk in document.trunks], document.usage
    assert document.budget.spent == sum(spent) == usage.thinking
    assert (document.stop_reason == "budget") == (sum(spent) == 40)
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert (usage.cached, usage.cached + usage.computed) == (engine.cached, engine.prompt)
    assert len({trunk.thinking for trunk in document.trunks}) > 1 or engine.name == "fake"
    first, last = document.checkpoints[0], document.checkpoints[-1]
    assert (first.at, first.samples, last.samples) == (6, 3, 3)
    assert document.thinking == document.trunks[last.trunk].thinking
    alone = await run(reasoner, budget=14, **fields)
    assert document.trunks[0].thinking == alone.thinking, "trunk 0 draws as the only trunk does"
    await free(engine)


async def test_trunks_that_the_load_has_cut_think_on_as_if_it_had_not(reasoner):
    fields = {"trunks": 3, "budget": 60, "min_budget": 20, "temperature": 1.0, "seed": 11, "answer": "short"}
    session = reasoner.submit(ask(**fields, checkpoints=[6, 15]))
    session.limit(30)
    cut = await session.wait()
    assert (cut.stop_reason, [trunk.spent for trunk in cut.trunks]) == ("load", [10, 10, 10])
    assert (cut.budget.granted, cut.budget.limited_by) == (30, "load")
    reasoner.extend(session.id, 60, relative=False)
    went_on, undisturbed = await session.wait(), await run(reasoner, **fields, checkpoints=[])
    assert (went_on.stop_reason, went_on.budget.spent) == ("budget", 60)
    for before, after, alone in zip(cut.trunks, went_on.trunks, undisturbed.trunks, strict=True):
        assert after.thinking.startswith(before.thinking)
        assert after.thinking == alone.thinking or reasoner.engine.name == "vllm", "vLLM does not draw by position"
    assert [vote.at for vote in went_on.checkpoints] == [6, 10, 15, 20]
    await free(reasoner.engine)
