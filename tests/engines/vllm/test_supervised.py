"""A supervised vLLM engine whose processes are killed and stopped: sessions go on, and nothing stays behind."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from anytime_server.engines import EngineLoad, EngineRequest, Sampling, Supervised
from anytime_server.engines.vllm.engine import VLLMEngine
from anytime_server.engines.vllm.remains import Remains
from anytime_server.errors import EngineDied
from engines.vllm.generation import short, thinking
from engines.vllm.test_lifecycle import core_pid, family, gone

pytestmark = pytest.mark.slow

BUDGET = 120


@pytest.fixture(scope="module")
async def supervised(vllm_environment: None, tiny_model: Path) -> AsyncIterator[tuple[Supervised, VLLMEngine]]:
    inner = VLLMEngine(str(tiny_model), {"enforce_eager": True, "dtype": "float32", "max_model_len": 512})
    engine = Supervised(inner, stall_s=3.0)
    await engine.start()
    yield engine, inner
    await engine.stop()


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


async def test_sessions_outlive_a_core_that_is_killed_and_one_that_hangs(
    supervised: tuple[Supervised, VLLMEngine],
) -> None:
    engine, inner = supervised
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
    assert engine.restarts == 2
    # The first restart opens some that stay, whatever comes.
    assert descriptors[1] <= descriptors[0]


async def test_the_end_of_a_hung_core_is_quick_and_leaves_nothing(
    supervised: tuple[Supervised, VLLMEngine], caplog: pytest.LogCaptureFixture
) -> None:
    _, inner = supervised
    pids, remains = family(core_pid(inner)), inner._remains
    os.kill(pids[0], signal.SIGSTOP)
    async with asyncio.timeout(10):  # vLLM's own way takes its 15 seconds.
        await inner.kill()
    await asyncio.wait_for(gone(pids), 30)
    assert left_of(remains) == []
    assert [record.message for record in caplog.records if record.name.startswith("vllm")] == []
