"""An engine of its own, the embedded model where it is there, whose core is killed and stopped: what goes on, and what
goes with it.
"""

import asyncio
import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

import anytime_server
from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import EngineLoad, EngineRequest, Sampling, Supervised
from anytime_server.engines.vllm.engine import VLLMEngine
from anytime_server.engines.vllm.remains import Remains
from anytime_server.errors import EngineDied, EngineError
from anytime_server.reasoning import Reasoner
from anytime_training.evaluation.engine import EngineSource
from anytime_training.evaluation.local import LocalSource
from anytime_training.evaluation.questions import synthetic
from anytime_training.evaluation.source import Settings, unheard
from engines.counted import CountedEngine
from engines.vllm.generation import run_one, short, thinking
from vllm_forks import fork_cores

pytestmark = pytest.mark.slow

EMBEDDED = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"
needs_embedded = pytest.mark.skipif(
    not (EMBEDDED / "model.safetensors").exists(), reason="a model with random weights knows nothing"
)
BUDGET = 120


@pytest.fixture(scope="module")
async def supervised(vllm_environment: None, tiny_model: Path) -> AsyncIterator[tuple[Supervised, VLLMEngine]]:
    """One for this file: its last test kills it. Its cores are forked: each start would import vLLM twice."""
    model = EMBEDDED if (EMBEDDED / "model.safetensors").exists() else tiny_model
    options = {"enforce_eager": True, "dtype": "float32", "disable_log_stats": False}
    with pytest.MonkeyPatch.context() as patch:
        inner = VLLMEngine(str(model), {**options, **fork_cores(patch)}, served_name="some-name")
        engine = Supervised(inner, stall_s=3.0)
        try:
            await engine.start()
            yield engine, inner
        finally:
            await engine.stop()


@pytest.fixture(scope="module")
def engine(supervised: tuple[Supervised, VLLMEngine]) -> VLLMEngine:
    return supervised[1]


async def test_its_own_metrics_are_kept_where_they_are_asked_for(engine: VLLMEngine) -> None:
    (registry,) = engine.registries
    labels = {"model_name": "some-name", "engine": "0"}
    assert registry.get_sample_value("vllm:num_requests_running", labels) == 0
    before = registry.get_sample_value("vllm:generation_tokens_total", labels)
    await run_one(engine, prompt_ids=(1, 2), max_tokens=3)
    assert registry.get_sample_value("vllm:generation_tokens_total", labels) == before + 3


@needs_embedded
async def test_the_embedded_model_gives_its_answers_as_json(engine: VLLMEngine) -> None:
    reasoner = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    questions = {"12+7+25": 44, "largest of 37+48, 9*8, 91-16": 85, "smallest of 37+48, 9*8, 91-16": 72}
    asked = {"budget": 100, "temperature": 0.0, "structured_outputs": {"json": schema}}
    sessions = [reasoner.submit(ReasonRequest(prompt=question, **asked)) for question in questions]
    documents = [await session.wait() for session in sessions]
    assert [json.loads(document.answer.text)["answer"] for document in documents] == list(questions.values())


@needs_embedded
async def test_evaluating_in_it_finds_what_the_roller_finds(
    engine: VLLMEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [prompt for family in ("largest", "sums") for prompt in synthetic(family, 6, seed=7).prompts]
    settings = Settings((0, 12, 36), temperature=0.0, max_answer_tokens=6)
    source = EngineSource(str(EMBEDDED), "vllm", options={"enforce_eager": True})
    source.check(prompts, settings)
    # It would start an engine of its own, which takes long.
    monkeypatch.setattr(EngineSource, "_engine", lambda _: CountedEngine(engine))
    found = await source._roll_out(prompts, settings, unheard)
    assert [[rollout] for rollout in found] == LocalSource(str(EMBEDDED)).rollouts(prompts, settings)
    for rollout in found:
        assert rollout.length <= 36
        assert all(0 < reply.tokens <= 6 for reply in rollout.replies)


async def test_sessions_outlive_a_core_that_is_killed_and_one_that_hangs_and_nothing_stays_behind(
    supervised: tuple[Supervised, VLLMEngine], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine, inner = supervised
    kill = inner.kill

    async def kill_quickly() -> None:
        async with asyncio.timeout(10):  # vLLM's own way takes its 15 seconds.
            await kill()

    monkeypatch.setattr(inner, "kill", kill_quickly)
    undisturbed = await all_of(engine)
    descriptors = []
    for number in (signal.SIGKILL, signal.SIGSTOP):
        pids, remains = family(core_pid(inner)), inner._remains
        assert left_of(remains)
        lost: list[int] = []
        running = asyncio.create_task(all_of(engine, lost))
        async with asyncio.timeout(60):
            while engine.load().running < 16:
                await asyncio.sleep(0.001)
        caplog.clear()
        os.kill(pids[0], number)
        assert await running == undisturbed
        # The fault took effect, on all of them.
        assert sorted(lost) == list(range(16))
        await asyncio.wait_for(gone(pids), 30)
        assert left_of(remains) == []
        assert engine.load() == EngineLoad(0, 0, 0.0)
        assert zombies() == []
        gc.collect()
        descriptors.append(len(os.listdir("/proc/self/fd")))
    # The end of the hung one was no accident to vLLM.
    assert [record.message for record in caplog.records if record.name.startswith("vllm")] == []
    assert engine.restarts == 2
    # The first restart opens some that stay, whatever comes.
    assert descriptors[1] <= descriptors[0]


async def test_a_dead_core_is_an_engine_error(supervised: tuple[Supervised, VLLMEngine]) -> None:
    watched, engine = supervised
    # Nobody is to start it again.
    watched._watching.cancel()
    format = short(engine)
    result = await run_one(engine, thinking(format, 5), max_tokens=20)
    assert result.state.spent <= 5
    reader = asyncio.create_task(run_one(engine, thinking(format, 200, min_budget=200), max_tokens=210))
    await asyncio.sleep(0.05)
    pids = family(core_pid(engine))
    os.kill(pids[0], signal.SIGKILL)
    with pytest.raises(EngineError, match="stopped or has died"):
        await asyncio.wait_for(reader, 60)
    with pytest.raises(EngineError, match="stopped or has died"):
        await engine.check_health()
    await engine.stop()
    await engine.stop()
    assert engine.load() == EngineLoad(0, 0, 0.0)
    with pytest.raises(EngineError, match="not running"):
        await run_one(engine, prompt_ids=(1, 2))
    await asyncio.wait_for(gone(pids), 60)


async def outlived(engine: Supervised, index: int, lost: list[int] | None = None) -> list[int]:
    """Think to the end of the budget, from the trunk on after every death."""
    format, done = short(engine), []
    prompt = tuple(engine.tokenizer.encode(f"question {index}: ")) + format.open_ids
    while len(done) < BUDGET:
        think = thinking(format, BUDGET, min_budget=BUDGET, trunk_ids=tuple(done))
        request = EngineRequest(
            f"r{index}.{len(done)}",
            prompt,
            BUDGET - len(done),
            Sampling(temperature=0.0),
            thinking=think,
            session_id=f"s{index}",
        )
        try:
            async for chunk in engine.generate(request):
                done.extend(chunk.token_ids)
        except EngineDied:
            if lost is not None:
                lost.append(index)
            await engine.alive()
    return done


async def all_of(engine: Supervised, lost: list[int] | None = None) -> list[list[int]]:
    return await asyncio.gather(*(outlived(engine, index, lost) for index in range(16)))


def left_of(remains: Remains) -> list[str]:
    """What the processes of one life of the engine have left behind; others may run on this machine."""
    blocks = [name for name in remains._shared if Path("/dev/shm", name).exists()]
    return [*blocks, *map(str, Path(remains._folder).glob("*"))]


def zombies() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]


def core_pid(engine: VLLMEngine) -> int:
    (process,) = engine._llm.engine_core.resources.engine_manager.processes
    return process.pid


def family(pid: int) -> list[int]:
    """A process and its children, theirs included."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


async def gone(pids: list[int]) -> None:
    while any(is_running(pid) for pid in pids):
        await asyncio.sleep(0.1)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
