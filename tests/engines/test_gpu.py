"""The real engines on an accelerator; on a GPU vLLM takes its V2 model runner."""

import asyncio
from importlib.util import find_spec

import pytest
import torch

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines.choice import create_engine
from anytime_server.reasoning import Reasoner
from tiny_models import save_tiny_model
from vllm_forks import GPU_SHARE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
]


@pytest.fixture(scope="module", params=["transformers", "vllm"])
async def reasoner(request, tmp_path_factory):
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    path = save_tiny_model(tmp_path_factory.mktemp("gpu") / "qwen3", "qwen3", seed=1)
    engine = create_engine(request.param, str(path), GPU_SHARE if request.param == "vllm" else {})
    try:
        await engine.start()
        yield Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer))
    finally:
        await engine.stop()


async def test_budgets_are_exact_on_a_gpu(reasoner):
    budgets = [0, 1, 7, 16, 33, 64]
    requests = [
        ReasonRequest(prompt="q", budget=budget, min_budget=budget, temperature=0.0, max_answer_tokens=8)
        for budget in budgets
    ]
    documents = await asyncio.gather(*(reasoner.submit(request).wait() for request in requests))
    assert [document.budget.spent for document in documents] == budgets
    assert {document.status for document in documents} == {"completed"}
