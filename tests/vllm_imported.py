"""Imported by the process that vLLM's are forked out of, before the first: vLLM, all that it
loads as it starts, and what its workers need that compile grammars and compare values."""

import atexit
import gc
import importlib
import os

# It would look through all of this again and again, and find no garbage.
gc.disable()

# Compiling for so small models takes longer than all that they compute.
os.environ["TORCH_COMPILE_DISABLE"] = "1"

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

mathematics = importlib.import_module("anytime_server.values.mathematics")
if mathematics.is_installed():
    mathematics.comparer()

# vLLM collects as it loads a model, and would go through all of this each time.
gc.collect()
gc.freeze()
gc.enable()
# To take all of it down takes long.
atexit.register(os._exit, 0)
