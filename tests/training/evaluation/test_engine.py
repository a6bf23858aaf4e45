"""Evaluating in one of the server's engines: what the roller finds, from the engine that serves.

vLLM's part is in tests/engines/vllm/test_lifecycle.py, where an engine of it runs anyway.
"""

import json
from dataclasses import replace

import pytest

from anytime_server.engines.choice import EMBEDDED_PATH
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.engine import EngineSource
from anytime_training.evaluation.local import LocalSource, goes_on_thinking
from anytime_training.evaluation.questions import synthetic
from anytime_training.evaluation.source import Settings
from tiny_models import save_tiny_model

PROMPTS = [prompt for family in ("largest", "sums") for prompt in synthetic(family, 3, seed=7).prompts]


def test_an_engine_and_the_roller_agree_under_greedy():
    settings = Settings((0, 12, 36), temperature=0.0, max_answer_tokens=6)
    engine = EngineSource(str(EMBEDDED_PATH), "transformers", concurrency=4)
    engine.check(PROMPTS, settings)
    local = LocalSource(str(EMBEDDED_PATH)).rollouts(PROMPTS, settings)
    assert {rollout.ended for [rollout] in local} == {True, False}
    found = engine.rollouts(PROMPTS, settings)
    assert found == local
    sure = [[reply.confidence for [rollout] in group for reply in rollout.replies] for group in (found, local)]
    assert sure[0] == pytest.approx(sure[1], abs=1e-3)
    assert len(set(sure[0])) > 10


def test_thinking_that_ends_by_headers_is_evaluated_by_its_server(tmp_path):
    folder, settings = str(save_tiny_model(tmp_path, "gpt-oss")), Settings((4,))
    for source in (LocalSource(folder), EngineSource(folder, "transformers")):
        with pytest.raises(EvaluationError, match="ends its thinking by headers, which only a server follows"):
            source.check(PROMPTS[:1], settings)


def test_a_model_whose_layers_do_not_attend_to_all_tokens_needs_another_engine(tmp_path):
    folder, settings = str(save_tiny_model(tmp_path, "qwen3")), Settings((4,))
    LocalSource(folder).check(PROMPTS[:1], settings)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"use_sliding_window": True, "sliding_window": 8, "layer_types": ["sliding_attention"] * 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(EvaluationError, match=r"not all of its layers attend to all tokens.*take --engine vllm"):
        LocalSource(folder).check(PROMPTS[:1], settings)
    EngineSource(folder, "transformers").check(PROMPTS[:1], settings)


def test_a_full_answer_after_a_cut_leaks_if_it_has_not_ended_or_spells_a_marker():
    short = Settings((12,), temperature=0.0, max_answer_tokens=2, full_answer_tokens=3)
    whole = replace(short, budgets=(0, 4, 5), full_answer_tokens=32)
    local, engine = LocalSource(str(EMBEDDED_PATH)), EngineSource(str(EMBEDDED_PATH), "transformers")
    for source, asked, leaks in ((local, short, None), (local, whole, False), (engine, whole, False)):
        assert {rollout.leaked for [rollout] in source.rollouts(PROMPTS[:2], asked)} == {leaks}
    assert {rollout.leaked for [rollout] in local.rollouts(PROMPTS[:2], replace(whole, full_answer_tokens=3))} == {True}
    tokenizer, format = LocalSource(str(EMBEDDED_PATH))._format()
    for text, leaks in (("7", False), ("7</think>8", True), ("<think>7", True)):
        assert goes_on_thinking([*tokenizer.encode("7"), format.eos_ids[0]], text, format, whole) is leaks


def test_samples_differ_and_come_again_from_the_same_seed():
    settings = Settings((0, 60), samples=3, temperature=1.0, seed=5, max_answer_tokens=6)
    engine = EngineSource(str(EMBEDDED_PATH), "transformers")
    [group] = first = engine.rollouts(PROMPTS[:1], settings)
    assert len(group) == 3
    assert len({rollout.length for rollout in group}) > 1
    assert engine.rollouts(PROMPTS[:1], settings) == first


def test_what_an_engine_or_the_context_does_not_allow_is_refused_before_anything_runs():
    with pytest.raises(EvaluationError, match="--engine warp: no engine 'warp'"):
        EngineSource(str(EMBEDDED_PATH), "warp").check(PROMPTS, Settings((0, 8)))
    with pytest.raises(EvaluationError, match="beyond the context"):
        EngineSource(str(EMBEDDED_PATH), "transformers").check(PROMPTS, Settings((0, 100_000)))
