"""Which engine arguments pass, which are refused, and which processor is registered."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from vllm.platforms import current_platform

from anytime_server.engines.vllm import arguments
from anytime_server.engines.vllm import engine as engine_module
from anytime_server.engines.vllm.arguments import V1_PROCESSOR, V2_PROCESSOR, add_budget, engine_args
from anytime_server.engines.vllm.engine import VLLMEngine
from anytime_server.engines.vllm.wire import SENTENCE_ENDS
from anytime_server.errors import EngineError


def config(**changes: object) -> SimpleNamespace:
    """What `add_budget` reads and writes of a VllmConfig."""
    values: dict[str, object] = {
        "use_v2_model_runner": False,
        "speculative_config": None,
        "additional_config": {"kept": 1},
        "parallel_config": SimpleNamespace(enable_batch_sharded_sampling=False),
        "model_config": SimpleNamespace(logits_processors=None, logprobs_mode="raw_logprobs"),
    }
    return SimpleNamespace(**values | changes)


def test_any_engine_argument_passes_through() -> None:
    args = engine_args("some/model", {"max_model_len": 77, "tensor_parallel_size": 2, "enable_prefix_caching": False})
    assert (args.model, args.max_model_len, args.tensor_parallel_size) == ("some/model", 77, 2)
    assert not args.enable_prefix_caching
    assert engine_args("some/model", {}).enable_prefix_caching


def test_the_kv_cache_of_a_cpu_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_platform, "is_cpu", lambda: True)
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert engine_args("some/model", {}).kv_cache_memory_bytes == 4 * 2**30
    assert engine_args("some/model", {"kv_cache_memory_bytes": 77}).kv_cache_memory_bytes == 77
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "2")
    assert engine_args("some/model", {}).kv_cache_memory_bytes is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("max_model_length", "'max_model_length'; did you mean 'max_model_len'"),
        ("model", "no engine argument 'model'"),
        ("zzz", "see vLLM's AsyncEngineArgs"),
    ],
)
def test_an_unknown_argument_is_refused(name: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        engine_args("some/model", {name: 1})


@pytest.mark.parametrize(("v2", "processor"), [(False, V1_PROCESSOR), (True, V2_PROCESSOR)])
def test_the_processor_fits_the_model_runner(v2: bool, processor: str) -> None:
    model = SimpleNamespace(logits_processors=["own:Processor"], logprobs_mode="raw_logprobs")
    vllm = config(use_v2_model_runner=v2, model_config=model)
    add_budget(vllm, {5, 2})
    assert model.logits_processors == ["own:Processor", processor]
    assert vllm.additional_config == {"kept": 1, SENTENCE_ENDS: [2, 5]}


def test_a_vllm_whose_v2_runner_takes_no_processors_runs_v1() -> None:
    # As vLLM 0.24 to 0.30 decide it: a logits processor is a feature that needs V1.
    class Older(SimpleNamespace):
        @property
        def use_v2_model_runner(self) -> bool:
            return not self.model_config.logits_processors

    values = vars(config())
    del values["use_v2_model_runner"]
    older = Older(**values)
    add_budget(older, ())
    assert older.model_config.logits_processors == [V1_PROCESSOR]


def test_a_v2_runner_without_an_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "_has_v2_interface", lambda: False)
    with pytest.raises(EngineError, match=r"install vLLM >= 0\.31, or unset VLLM_USE_V2_MODEL_RUNNER"):
        add_budget(config(use_v2_model_runner=True), ())
    add_budget(config(), ())


def test_speculative_decoding_needs_the_v2_model_runner() -> None:
    speculative = SimpleNamespace(num_speculative_tokens=2)
    with pytest.raises(EngineError, match="remove speculative_config"):
        add_budget(config(speculative_config=speculative), ())
    add_budget(config(speculative_config=speculative, use_v2_model_runner=True), ())


def test_settings_that_break_the_budget_are_refused() -> None:
    with pytest.raises(EngineError, match="batch_sharded"):
        add_budget(config(parallel_config=SimpleNamespace(enable_batch_sharded_sampling=True)), ())
    model = SimpleNamespace(logits_processors=None, logprobs_mode="processed_logprobs")
    with pytest.raises(EngineError, match="raw_logprobs"):
        add_budget(config(model_config=model), ())


async def test_a_model_that_is_not_there_is_an_engine_error() -> None:
    engine = VLLMEngine("/no/such/model")
    with pytest.raises(EngineError, match="can't load '/no/such/model'"):
        await engine.start()
    with pytest.raises(EngineError, match="not running"):
        await engine.check_health()
    await engine.stop()


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, anytime_server.engines.vllm; assert not {'vllm', 'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_the_core_is_spawned_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    # `anytime serve` asks torch for a GPU before vLLM is imported: a forked core could not use it.
    def refuse(*_: object) -> None:
        raise ValueError("enough")

    monkeypatch.setattr(engine_module, "engine_args", refuse)
    for wanted in (None, "fork"):
        monkeypatch.delenv("VLLM_WORKER_MULTIPROC_METHOD", raising=False)
        if wanted:
            monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", wanted)
        with pytest.raises(EngineError, match="enough"):
            await VLLMEngine("some/model").start()
        assert os.environ["VLLM_WORKER_MULTIPROC_METHOD"] == (wanted or "spawn")
