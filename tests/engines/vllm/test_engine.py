"""The real engine: budgets are exact, what is forced is forced, and nothing is left behind."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from anytime_server.controller import Ending, Phase, ThinkingFormat
from anytime_server.engines import EngineLoad, EngineRequest, Sampling
from anytime_server.errors import InvalidRequest
from engines.conftest import VLLM_BLOCK as BLOCK
from engines.conftest import VLLM_CONTEXT as CONTEXT
from engines.vllm.generation import GREEDY, Generation, letters_end, prompt, run, run_one, short, thinking, until_idle

if TYPE_CHECKING:
    from anytime_server.engines.vllm.engine import VLLMEngine

IDLE = EngineLoad(0, 0, 0.0)


@pytest.fixture(scope="session")
def format(engine: "VLLMEngine") -> ThinkingFormat:
    return short(engine)


@pytest.fixture(scope="session")
async def free(engine: "VLLMEngine", format: ThinkingFormat) -> Generation:
    """What the model thinks with nothing in its way."""
    return await run_one(engine, thinking(format, 50))


def test_it_describes_itself(engine: "VLLMEngine") -> None:
    assert engine.name == "vllm"
    assert engine.limits.max_model_len == CONTEXT
    assert engine.limits.block_size == BLOCK
    # The model's generation config says do_sample false.
    assert engine.default_sampling == GREEDY


@pytest.mark.parametrize("budget", [0, 1, 2, 17, BLOCK - 1, BLOCK, BLOCK + 1, 80])
async def test_a_hard_budget_is_exact(engine: "VLLMEngine", format: ThinkingFormat, budget: int) -> None:
    end = budget + len(format.closing_ids)
    result = await run_one(engine, thinking(format, budget), max_tokens=end + 5)
    assert tuple(result.tokens[budget:end]) == format.closing_ids
    assert format.close_ids[0] not in result.tokens[:budget]
    assert result.forced == [budget <= index < end for index in range(len(result.tokens))]
    assert result.state.spent == budget
    assert result.state.ending is Ending.BUDGET


async def test_smaller_budgets_think_a_prefix(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    results = await asyncio.gather(*[run_one(engine, thinking(format, budget)) for budget in (5, 20, 40)])
    longest = results[-1].tokens
    assert [result.tokens[:budget] for result, budget in zip(results, (5, 20, 40), strict=True)] == [
        longest[:5], longest[:20], longest[:40],
    ]  # fmt: skip


async def test_a_short_answer_gets_the_cue(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    result = await run_one(engine, thinking(format, 6, short_answer=True))
    assert tuple(result.tokens[6:14]) == format.closing_ids + format.cue_ids
    assert result.forced[6:15] == [True] * 8 + [False]


async def test_a_natural_end_is_followed_by_the_cue_only(
    engine: "VLLMEngine", format: ThinkingFormat, free: Generation
) -> None:
    # A letter that the model writes becomes the marker that it closes with.
    end = letters_end(engine, free.tokens, 1)
    natural = short(engine, close=engine.tokenizer.decode(free.tokens[end - 1 : end]))
    at = free.tokens.index(natural.close_ids[0])
    result = await run_one(engine, thinking(natural, 50, short_answer=True))
    assert result.tokens[: at + 1] == free.tokens[: at + 1]
    assert tuple(result.tokens[at + 1 : at + 5]) == natural.cue_ids
    assert result.state.ending is Ending.NATURAL
    assert result.state.spent == at


async def test_the_minimum_forbids_closing(engine: "VLLMEngine", format: ThinkingFormat, free: Generation) -> None:
    end = letters_end(engine, free.tokens, 1)
    eager = short(engine, close=engine.tokenizer.decode(free.tokens[end - 1 : end]))
    result = await run_one(engine, thinking(eager, 40, min_budget=30))
    assert eager.close_ids[0] not in result.tokens[:30]
    assert result.state.spent >= 30


async def test_the_minimum_forbids_ending_the_sequence(
    engine: "VLLMEngine", format: ThinkingFormat, free: Generation
) -> None:
    quitting = replace(format, eos_ids=(free.tokens[9],))
    assert (await run_one(engine, thinking(quitting, 40))).finish_reason == "stop"
    result = await run_one(engine, thinking(quitting, 40, min_budget=30))
    assert free.tokens[9] not in result.tokens[:30]


async def test_an_end_of_sequence_token_is_delivered_and_ends_it(
    engine: "VLLMEngine", format: ThinkingFormat, free: Generation
) -> None:
    first = free.tokens.index(free.tokens[9])
    quitting = replace(format, eos_ids=(free.tokens[9],))
    result = await run_one(engine, thinking(quitting, 40))
    assert result.tokens == free.tokens[: first + 1]


@pytest.mark.parametrize("begun", [1, 2])
async def test_a_cut_inside_a_marker_completes_it(
    engine: "VLLMEngine", format: ThinkingFormat, free: Generation, begun: int
) -> None:
    # A marker of three tokens whose first ones are what the model thinks up to the cut.
    cut = letters_end(engine, free.tokens, begun)
    multi = short(engine, close=(engine.tokenizer.decode(free.tokens[cut - begun : cut]) + "|#|")[:3])
    result = await run_one(engine, thinking(multi, cut))
    assert result.tokens[:cut] == free.tokens[:cut]
    assert tuple(result.tokens[cut - begun : cut - begun + 3]) == multi.close_ids
    assert result.forced[cut - 2 : cut + 5] == [False] * 2 + [True] * (3 - begun) + [False] * (2 + begun)
    assert result.state.spent == cut - begun
    assert result.state.ending is Ending.NATURAL


async def test_a_marker_of_several_tokens_is_forced_whole(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    multi = short(engine, close="|#|")
    result = await run_one(engine, thinking(multi, 20))
    assert tuple(result.tokens[20:26]) == (30, 31, 32, *engine.tokenizer.encode("|#|"))
    assert result.state.spent == 20


async def test_landing_cuts_at_the_first_sentence_end(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    ends = frozenset(engine.tokenizer.encode(".!?eéo"))
    free = await run_one(engine, thinking(format, 100), max_tokens=100)
    end = next(index for index, token in enumerate(free.tokens) if index > 20 and token in ends)
    result = await run_one(
        engine, thinking(format, end + 10, landing=end - 12, sentence_end_ids=ends), max_tokens=end + 30
    )
    assert result.state.spent == end + 1
    assert tuple(result.tokens[end + 1 : end + 5]) == format.closing_ids


async def test_landing_with_other_sentence_ends_is_refused(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    with pytest.raises(InvalidRequest, match="sentence ends"):
        await run_one(engine, thinking(format, 20, landing=5, sentence_end_ids=frozenset({1})))


@pytest.mark.parametrize("at", [1, 20, BLOCK, BLOCK + 2])
async def test_a_resumed_trunk_goes_on_with_the_same_tokens(
    engine: "VLLMEngine", format: ThinkingFormat, at: int
) -> None:
    whole = await run_one(engine, thinking(format, 50), max_tokens=60)
    resumed = await run_one(engine, thinking(format, 50, whole.tokens[:at]), max_tokens=60 - at)
    assert whole.tokens[:at] + resumed.tokens == whole.tokens


async def test_a_trunk_at_its_budget_is_closed_at_once(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    whole = await run_one(engine, thinking(format, 50))
    for budget in (30, 10):
        resumed = await run_one(engine, thinking(format, budget, whole.tokens[:30]), max_tokens=10)
        assert tuple(resumed.tokens[:4]) == format.closing_ids


async def test_logprobs_are_the_models_own(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    result = await run_one(engine, thinking(format, 10, short_answer=True))
    assert len(result.logprobs) == len(result.tokens)
    assert all(-20 < value < 0 for value in result.logprobs)
    # At the same text the model gives the closing the same probability whether it is forced or not.
    forced = await run_one(engine, thinking(format, 11))
    assert forced.logprobs[:10] == pytest.approx(result.logprobs[:10], abs=1e-4)
    hot = await run_one(engine, sampling=Sampling(temperature=0.01, seed=1), max_tokens=10)
    assert hot.logprobs == pytest.approx((await run_one(engine, max_tokens=10)).logprobs, abs=1e-4)


async def test_a_request_that_reads_no_logprobs_gets_none(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    asked, silent = await asyncio.gather(
        run_one(engine, thinking(format, 10)), run_one(engine, thinking(format, 10), logprobs=False)
    )
    assert silent.tokens == asked.tokens
    assert (len(asked.logprobs), silent.logprobs) == (len(asked.tokens), [])


async def test_seeds_reproduce_samples(engine: "VLLMEngine") -> None:
    seeded = Sampling(temperature=1.0, top_p=0.95, top_k=100, seed=7)
    first, second = [await run(engine, sampling=seeded, samples=3, max_tokens=20) for _ in range(2)]
    assert [sample.tokens for sample in first] == [sample.tokens for sample in second]
    assert len({tuple(sample.tokens) for sample in first}) == 3


async def test_samples_report_their_own_cached_tokens(engine: "VLLMEngine") -> None:
    ids = tuple(engine.tokenizer.encode("a fresh prompt " * 7))
    for sampling in (Sampling(temperature=1.0), GREEDY):
        samples = await run(engine, prompt_ids=ids, sampling=sampling, samples=4, max_tokens=8)
        assert [sample.prompt_tokens for sample in samples] == [len(ids)] * 4
        assert all(sample.tokens for sample in samples)
        # The first computes the full blocks, the others find them.
        assert sum(sample.cached_tokens for sample in samples) >= 3 * (len(ids) // BLOCK * BLOCK)


async def test_a_branch_reuses_the_running_trunk(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    request = EngineRequest("trunk", prompt(engine, "Think long."), 250, GREEDY, 1, thinking(format, 200))
    trunk: list[int] = []
    stream = engine.generate(request)
    async for chunk in stream:
        trunk += chunk.token_ids
        if len(trunk) >= 90:
            break
    branch = (*request.prompt_ids, *trunk[:90], *format.closing_ids, *format.cue_ids)
    assert engine.load().running == 1
    result = await run_one(engine, prompt_ids=branch, max_tokens=4)
    await stream.aclose()
    full_blocks = (len(request.prompt_ids) + 90) // BLOCK * BLOCK
    assert result.cached_tokens == full_blocks == 3 * BLOCK
    assert result.computed_tokens <= len(format.closing_ids) + len(format.cue_ids) + BLOCK


async def test_a_slow_reader_gets_every_token(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    thinks = thinking(format, 40)
    quick = await run_one(engine, thinks, max_tokens=60)
    slow = Generation(thinks)
    async for chunk in engine.generate(EngineRequest("slow", prompt(engine), 60, GREEDY, 1, thinks)):
        assert len(chunk.token_ids) == len(chunk.logprobs)
        slow.add(chunk)
        await asyncio.sleep(0.02)
    assert slow.tokens == quick.tokens
    assert slow.logprobs == pytest.approx(quick.logprobs, abs=1e-4)
    assert slow.finish_reason == "length"


async def test_closing_the_stream_frees_the_request(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    streams = [
        engine.generate(EngineRequest(f"drop-{index}", prompt(engine), 900, GREEDY, samples, None))
        for index, samples in enumerate((1, 1, 3))
    ]
    for stream in streams:
        await anext(stream)
    assert engine.load().running > 0
    assert engine.load().kv_in_use > 0
    for stream in streams:
        await stream.aclose()
    assert await until_idle(engine) == IDLE


async def test_a_cancelled_reader_frees_the_request(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    readers = [
        asyncio.create_task(run(engine, thinking(format, 800), max_tokens=900, sampling=Sampling(seed=index)))
        for index in range(8)
    ]
    for index, reader in enumerate(readers):
        # The first ones have not even been sent.
        await asyncio.sleep(0 if index < 3 else 0.02)
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert await until_idle(engine) == IDLE


async def test_concurrent_mixed_requests_are_each_exact(engine: "VLLMEngine", format: ThinkingFormat) -> None:
    preempted = count_preemptions(engine)
    budgets = [(index * 37) % 101 for index in range(32)]
    formats = [replace(format, eos_ids=(7,)), short(engine, close="|#|"), short(engine, close="##")]
    jobs = [
        run_one(
            engine,
            thinking(
                formats[index % 3], budget, short_answer=index % 2 == 0, min_budget=budget // 2 * (index % 4 == 0)
            ),
            prompt_ids=prompt(engine, f"Question {index}"),
            sampling=Sampling(temperature=1.0, seed=index),
            max_tokens=budget + 30,
        )
        for index, budget in enumerate(budgets)
    ]
    plain = [run_one(engine, sampling=Sampling(seed=index), max_tokens=60) for index in range(8)]
    *results, _ = await asyncio.gather(*jobs, asyncio.gather(*plain))
    for result, budget in zip(results, budgets, strict=True):
        state = result.state
        if state.ending is Ending.BUDGET:
            assert state.spent == budget
            assert state.phase is Phase.ANSWER
        else:
            assert state.spent <= budget
            assert state.ending is Ending.NATURAL or result.finish_reason == "stop"
    assert sum(result.state.ending is Ending.BUDGET for result in results) > 16
    assert preempted, "the KV cache is meant to be too small for all of them at once"
    assert await until_idle(engine) == IDLE


def count_preemptions(engine: "VLLMEngine") -> list[int]:
    """Preemptions per step, while they are above zero; grows as the engine runs."""
    seen: list[int] = []
    (load,) = engine._loads
    record = load.record

    def recording(scheduler_stats: object, iteration_stats: object, *args: object, **options: object) -> None:
        record(scheduler_stats, iteration_stats, *args, **options)
        if iteration_stats is not None and iteration_stats.num_preempted_reqs:
            seen.append(iteration_stats.num_preempted_reqs)

    load.record = recording
    return seen


async def test_a_prompt_beyond_the_context_is_refused(engine: "VLLMEngine") -> None:
    with pytest.raises(InvalidRequest, match="maximum model length"):
        await run_one(engine, prompt_ids=[5] * (CONTEXT + 1))
    assert engine.load() == IDLE


async def test_a_generation_ends_at_the_context(engine: "VLLMEngine") -> None:
    result = await run_one(engine, prompt_ids=[5] * (CONTEXT - 20), max_tokens=500)
    assert result.finish_reason == "length" and len(result.tokens) == 20


async def test_it_is_healthy(engine: "VLLMEngine") -> None:
    await engine.check_health()
