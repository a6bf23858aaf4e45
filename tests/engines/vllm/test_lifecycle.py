"""An engine of its own: the embedded model where it is there, a core that dies, and processes that go with it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import anytime_server
from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import EngineLoad
from anytime_server.engines.vllm.engine import VLLMEngine
from anytime_server.errors import EngineError
from anytime_server.reasoning import Reasoner
from engines.vllm.generation import run_one, short, thinking

pytestmark = pytest.mark.slow

EMBEDDED = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"


@pytest.fixture(scope="module")
async def engine(vllm_environment: None, tiny_model: Path) -> AsyncIterator[VLLMEngine]:
    """One for this file: its last test kills it."""
    model = EMBEDDED if (EMBEDDED / "model.safetensors").exists() else tiny_model
    options = {"enforce_eager": True, "dtype": "float32", "disable_log_stats": False}
    engine = VLLMEngine(str(model), options, served_name="some-name")
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


async def test_its_own_metrics_are_kept_where_they_are_asked_for(engine: VLLMEngine) -> None:
    (registry,) = engine.registries
    labels = {"model_name": "some-name", "engine": "0"}
    assert registry.get_sample_value("vllm:num_requests_running", labels) == 0
    before = registry.get_sample_value("vllm:generation_tokens_total", labels)
    await run_one(engine, prompt_ids=(1, 2), max_tokens=3)
    assert registry.get_sample_value("vllm:generation_tokens_total", labels) == before + 3


@pytest.mark.skipif(not (EMBEDDED / "model.safetensors").exists(), reason="a model with random weights knows nothing")
async def test_the_embedded_model_gives_its_answers_as_json(engine: VLLMEngine) -> None:
    reasoner = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    questions = {"12+7+25": 44, "largest of 37+48, 9*8, 91-16": 85, "smallest of 37+48, 9*8, 91-16": 72}
    asked = {"budget": 100, "temperature": 0.0, "structured_outputs": {"json": schema}}
    sessions = [reasoner.submit(ReasonRequest(prompt=question, **asked)) for question in questions]
    documents = [await session.wait() for session in sessions]
    assert [json.loads(document.answer.text)["answer"] for document in documents] == list(questions.values())


async def test_a_dead_core_is_an_engine_error(engine: VLLMEngine) -> None:
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
