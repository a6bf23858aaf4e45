"""Evaluating in one of the server's engines: what the roller finds, from the engine that serves."""

import pytest

from anytime_server.engines.choice import EMBEDDED_PATH
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.engine import EngineSource
from anytime_training.evaluation.local import LocalSource
from anytime_training.evaluation.questions import synthetic
from anytime_training.evaluation.source import Settings

PROMPTS = [prompt for family in ("largest", "sums") for prompt in synthetic(family, 6, seed=7).prompts]


def test_an_engine_and_the_roller_agree_under_greedy():
    settings = Settings((0, 12, 36, 60), temperature=0.0, max_answer_tokens=6)
    engine = EngineSource(str(EMBEDDED_PATH), "transformers", concurrency=4)
    engine.check(PROMPTS, settings)
    local = LocalSource(str(EMBEDDED_PATH)).rollouts(PROMPTS, settings)
    assert {rollout.ended for [rollout] in local} == {True, False}
    assert engine.rollouts(PROMPTS, settings) == local


def test_samples_differ_and_come_again_from_the_same_seed():
    settings = Settings((0, 128), samples=3, temperature=1.0, seed=5)
    engine = EngineSource(str(EMBEDDED_PATH), "transformers")
    first = engine.rollouts(PROMPTS[:2], settings)
    assert [len(group) for group in first] == [3, 3]
    assert any(len({rollout.length for rollout in group}) > 1 for group in first)
    assert engine.rollouts(PROMPTS[:2], settings) == first


def test_what_an_engine_or_the_context_does_not_allow_is_refused_before_anything_runs():
    with pytest.raises(EvaluationError, match="--engine warp: no engine 'warp'"):
        EngineSource(str(EMBEDDED_PATH), "warp").check(PROMPTS, Settings((0, 8)))
    with pytest.raises(EvaluationError, match="beyond the context"):
        EngineSource(str(EMBEDDED_PATH), "transformers").check(PROMPTS, Settings((0, 100_000)))


@pytest.mark.slow
def test_vllm_thinks_within_the_budgets_and_answers_at_each(monkeypatch):
    pytest.importorskip("vllm", reason="evaluating in vLLM needs vLLM, which is not installed")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    settings = Settings((0, 12, 36), temperature=0.0, max_answer_tokens=6)
    found = EngineSource(str(EMBEDDED_PATH), "vllm", options={"enforce_eager": True}).rollouts(PROMPTS, settings)
    local = LocalSource(str(EMBEDDED_PATH)).rollouts(PROMPTS, settings)
    same = [one == other for one, other in zip(found, local, strict=True)]
    assert sum(same) >= len(same) // 2  # vLLM computes in bfloat16 here, the roller in float32
    for [rollout] in found:
        assert rollout.length <= 36
        assert all(0 < reply.tokens <= 6 for reply in rollout.replies)
