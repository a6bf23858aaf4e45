"""Imported by the process that vLLM's are forked out of, before the first: vLLM, all that it
loads as it starts, and what its workers need that compile grammars and compare values."""

import importlib
import os

from preloading import preloaded

# Compiling for so small models takes longer than all that they compute.
os.environ["TORCH_COMPILE_DISABLE"] = "1"

# vLLM collects as it loads a model, and would go through all of this each time.
with preloaded():
    for name in (
        "anytime_server.engines.vllm.compiling",
        "anytime_server.engines.vllm.processor",
        "compressed_tensors",
        "vllm.entrypoints.openai.api_server",
        "vllm.model_executor.models.qwen3",
        "vllm.v1.attention.backends.cpu_attn",
        "vllm.v1.engine.core",
        "vllm.v1.executor.multiproc_executor",
        "vllm.v1.worker.cpu_worker",
        "vllm.v1.worker.cpu_model_runner",
        "vllm_forks",
    ):
        importlib.import_module(name)
