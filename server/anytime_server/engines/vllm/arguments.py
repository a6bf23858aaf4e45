"""Engine arguments: any AsyncEngineArgs pass through, with the budget's logits processor added."""

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import vllm
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform

from anytime_server.engines.vllm.wire import SENTENCE_ENDS
from anytime_server.errors import EngineError

if TYPE_CHECKING:
    from vllm.config import VllmConfig

DEFAULTS: Mapping[str, Any] = {"enable_prefix_caching": True, "disable_log_stats": True}
CPU_KV_CACHE_BYTES = 4 * 2**30
"""vLLM would take nearly all of the machine's memory, and fail where some of it is in use."""

V1_PROCESSOR = "anytime_server.engines.vllm.v1:BudgetLogitsProcessor"
V2_PROCESSOR = "anytime_server.engines.vllm.v2:BudgetLogitsProcessor"


def engine_args(model: str, options: Mapping[str, Any]) -> AsyncEngineArgs:
    """Return vLLM's arguments for `model`; `options` are AsyncEngineArgs by name.

    Raises:
        EngineError: for an argument that vLLM does not know.
    """
    known = {field.name for field in fields(AsyncEngineArgs)} - {"model"}
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "; see vLLM's AsyncEngineArgs"
            raise EngineError(f"vLLM has no engine argument {name!r}{hint}")
    return AsyncEngineArgs(model=model, **{**DEFAULTS, **_cpu_defaults(), **options})


def _cpu_defaults() -> Mapping[str, Any]:
    if current_platform.is_cpu() and not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        return {"kv_cache_memory_bytes": CPU_KV_CACHE_BYTES}
    return {}


def add_budget(config: "VllmConfig", sentence_end_ids: Collection[int]) -> None:
    """Register the logits processor that fits the engine's model runner, and its server-wide settings.

    The model runner is vLLM's choice (`VllmConfig.use_v2_model_runner`): V2 where Triton runs and no feature needs V1,
    unless the environment variable VLLM_USE_V2_MODEL_RUNNER decides. To vLLM before 0.31, whose V2 runner takes none,
    a logits processor is such a feature; so it stands there before vLLM is asked.

    Raises:
        EngineError: if the budget can't be enforced with these engine arguments.
    """
    others = config.model_config.logits_processors or ()
    config.model_config.logits_processors = [*others, V1_PROCESSOR]
    v2 = config.use_v2_model_runner
    refuse_conflicts(config, v2=v2)
    if v2:
        config.model_config.logits_processors = [*others, V2_PROCESSOR]
    config.additional_config[SENTENCE_ENDS] = sorted(sentence_end_ids)


def refuse_conflicts(config: "VllmConfig", *, v2: bool) -> None:
    """Refuse engine arguments that break the budget.

    Raises:
        EngineError: saying which, and what to do.
    """
    if v2 and not _has_v2_interface():
        raise EngineError(
            f"the V2 model runner of vLLM {vllm.__version__} takes no logits processors, which enforce the budget: "
            "install vLLM >= 0.31, or unset VLLM_USE_V2_MODEL_RUNNER"
        )
    if config.speculative_config is not None and not v2:
        raise EngineError(
            "vLLM's V1 model runner can't combine speculative decoding with an exact thinking budget: remove "
            "speculative_config, or run the V2 model runner (a GPU with Triton, VLLM_USE_V2_MODEL_RUNNER not 0)"
        )
    if config.parallel_config.enable_batch_sharded_sampling:
        raise EngineError("enable_batch_sharded_sampling can't be combined with a thinking budget: remove it")
    if config.model_config.logprobs_mode != "raw_logprobs":
        raise EngineError(
            "confidences need the model's own probabilities: leave logprobs_mode at raw_logprobs, not "
            f"{config.model_config.logprobs_mode!r}"
        )


def _has_v2_interface() -> bool:
    return find_spec("vllm.v1.worker.gpu.sample.logits_processor") is not None
