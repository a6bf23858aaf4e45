"""The engines that the invariants are tested on."""

import pytest

from anytime_server.api import ServerSettings
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, create_engine
from anytime_server.engines.transformers.engine import TransformersConfig, TransformersEngine
from anytime_server.worker.app import create_worker
from engines.counted import CountedEngine
from fakes import FakeEngine, scripted
from forkservers import context
from live import serve
from tiny_models import save_tiny_model
from vllm_forks import VLLMProcess, fork_cores

CONTEXT = 512
VLLM_CONTEXT = 1024
VLLM_BLOCK = 32
VLLM_BLOCKS = 40
"""KV blocks: so few that a storm of requests is preempted."""


@pytest.fixture(scope="session")
def fake_engine():
    thinking = "".join(f"{step}: {step * step}; " for step in range(60))
    return FakeEngine(scripted(thinking, "There are many.\nAnswer: 60"), max_model_len=CONTEXT)


async def _transformers(source, served_name=None):
    engine = TransformersEngine(str(source), TransformersConfig(page_size=8), served_name)
    await engine.start()
    return engine


def _tiny_engine(family, seed):
    @pytest.fixture(scope="session")
    async def engine(tmp_path_factory):
        folder = tmp_path_factory.mktemp("models") / family
        engine = await _transformers(save_tiny_model(folder, family, seed=seed, context=CONTEXT), family)
        yield engine
        await engine.stop()

    return engine


qwen3_engine = _tiny_engine("qwen3", seed=1)
gpt_oss_engine = _tiny_engine("gpt-oss", seed=1)


@pytest.fixture(scope="session")
async def embedded_engine():
    engine = await _transformers(EMBEDDED_PATH, EMBEDDED)
    yield engine
    await engine.stop()


@pytest.fixture(scope="session")
async def remote_engine(embedded_engine):
    # The counting engine starts and stops nothing: the engine behind it is the other tests', too.
    async with serve(create_worker(CountedEngine(embedded_engine), ServerSettings())) as client:
        engine = create_engine("remote", EMBEDDED, urls=[str(client.base_url)])
        await engine.start()
        yield engine
        await engine.stop()


@pytest.fixture(scope="session")
def vllm_environment():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("VLLM_NO_USAGE_STATS", "1")
        patch.setenv("VLLM_LOGGING_LEVEL", "ERROR")
        patch.setenv("OMP_NUM_THREADS", "1")
        # To compile for so small a model takes longer than all that it computes.
        patch.setenv("TORCH_COMPILE_DISABLE", "1")
        # It imports what compiles grammars, too.
        patch.setattr("anytime_server.workers._context", context(VLLMProcess))
        yield


@pytest.fixture(scope="session")
def vllm_model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("vllm") / "tiny", "qwen3", context=VLLM_CONTEXT)


@pytest.fixture(scope="session")
async def vllm_engine(vllm_environment, vllm_model):
    from vllm.config.reasoning import ReasoningConfig
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    from anytime_server.engines.vllm.engine import VLLMEngine

    options = {
        "enforce_eager": True,
        "dtype": "float32",
        "max_model_len": VLLM_CONTEXT,
        "num_gpu_blocks_override": VLLM_BLOCKS,
        "block_size": VLLM_BLOCK,
        # The model in the core's own process saves the start of another; test_lifecycle.py has vLLM's usual processes.
        "distributed_executor_backend": UniProcExecutor,
        # For vLLM's own thinking budget, which ours is compared with.
        "reasoning_config": ReasoningConfig(reasoning_start_str="<think>", reasoning_end_str="</think>"),
    }
    with pytest.MonkeyPatch.context() as patch:
        options |= fork_cores(patch)
        engine = VLLMEngine(str(vllm_model), options, sentence_ends=lambda tokenizer: tokenizer.encode(".!?eéo"))
        try:
            await engine.start()
            yield engine
        finally:
            await engine.stop()
