"""Rollouts with vLLM, on a stand-in for TRL's side of it: what is asked for, and where the replies end up."""

import math
from random import Random
from types import SimpleNamespace

import pytest
import torch

import vllm_stand_in
from anytime_training.algorithm.importance import importance_ratio
from anytime_training.rollouts.vllm_engine import VLLMSampler
from anytime_training.rollouts.vllm_server import VLLMServerSampler
from anytime_training.trees.packing import Scored, batch, pack
from tiny_rollouts import BUDGETS, CLOSE, EOS, FORMAT, stem
from trainer_steps import TRL_CHECKS_VLLM
from vllm_stand_in import A, Trainer, expected, reply, stems


def test_a_cut_is_asked_for_once_with_all_its_answers():
    trainer, thinking = Trainer(), stems()
    answers, logps = VLLMSampler(trainer, FORMAT).answer(thinking)
    assert answers == expected(thinking)
    [(prompts, max_tokens, limits)] = trainer.asked
    assert prompts == [prompt for one in thinking for index in range(3) if (prompt := one.prompt_of(index))]
    assert len(prompts) == 3 + 3 + 1  # what an end of turn has broken off can be answered before it only
    assert (max_tokens, limits) == (5, {"seed": 3, "stop_token_ids": list(FORMAT.eos_ids), "n": A})
    assert trainer.vllm_generation.generation_kwargs == {"seed": 3}
    assert [len(row) for row in logps] == [6, 6, 6]
    assert logps[2][2:] == [[]] * 4


def test_processes_that_share_an_engine_ask_for_as_much_as_each_other():
    trainer, thinking = Trainer(processes=2), stems()
    answers, _ = VLLMSampler(trainer, FORMAT).answer(thinking)
    [(prompts, _, limits)] = trainer.asked
    assert len(prompts) == len(thinking) * len(BUDGETS) * A
    assert "n" not in limits
    for one, row, wanted in zip(thinking, answers, expected(thinking), strict=True):
        assert list(map(bool, row)) == list(map(bool, wanted))
        assert [answer[0] for answer in row if answer] == [answer[0] for answer in wanted if answer], one


def test_thinking_stops_at_the_marker_or_its_text():
    trainer = Trainer()
    trunks, logps = VLLMSampler(trainer, FORMAT).think([[9, 9], [9]], 2)
    [(_, max_tokens, limits)] = trainer.asked
    assert max_tokens == BUDGETS[-1]
    assert limits["stop_token_ids"] == [CLOSE, EOS]
    assert (limits["stop"], limits["include_stop_str_in_output"]) == (["B"], True)
    assert limits["skip_special_tokens"] is False  # or a marker of special tokens is never found in the text
    assert trunks == [reply([9, 9], 0), reply([9], 0)]
    assert [math.isnan(logp) for logp in logps[0]] == [False, True, False]


def test_thinking_that_went_on_behind_its_marker_is_cut_there(monkeypatch):
    monkeypatch.setattr(vllm_stand_in, "reply", lambda prompt, sample: [10, CLOSE, 11, EOS])
    trunks, logps = VLLMSampler(Trainer(), FORMAT).think([[9]], 1)
    assert (trunks, [len(row) for row in logps]) == ([[10, CLOSE]], [2])


@pytest.mark.parametrize("mode", ["token_truncate", "token_mask"])
def test_a_token_without_a_log_probability_is_trained_without_a_correction(mode):
    """vLLM gives NaN where its own numbers failed, and TRL makes None of it."""
    [thinking] = stems()[:1]
    [answers], [logps] = VLLMSampler(Trainer(), FORMAT).answer([thinking])
    trunk_logps = [-0.1] * (len(thinking.trunk_ids) - 1) + [math.nan]
    rollout = Scored(thinking, BUDGETS, answers, [1.0] * 3, [0.5] * 6, trunk_logps, logps)
    tensors = batch([pack(rollout, compact=True)], pad_id=0)
    told = tensors["sampling_per_token_logps"]
    assert told.shape == tensors["completion_ids"].shape
    missing = told.isnan()
    assert missing.sum() == 1 + 6
    settings = SimpleNamespace(
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_min=None,
        vllm_importance_sampling_clip_max=2.0,
    )
    mask = tensors["tool_mask"] * tensors["completion_mask"] > 0
    ratio = importance_ratio((torch.full_like(told, -0.4) - told) * mask, settings)
    assert (ratio[missing] == 1).all()
    assert ((ratio > 0) & (ratio <= 2)).all()


def test_a_server_is_sent_each_rollouts_cuts_in_one_request():
    trainer, thinking = Trainer(), stems()
    thinking.append(stem(Random(3), "eos", 0))
    answers, logps = VLLMServerSampler(trainer, FORMAT).answer(thinking)
    assert answers == expected(thinking)
    assert logps[3] == [[]] * 6
    assert sorted(len(prompts) for prompts, _, _ in trainer.asked) == [1, 3, 3]
    for _, max_tokens, limits in trainer.asked:
        assert max_tokens == 5
        assert limits == {"seed": 3, "stop_token_ids": list(FORMAT.eos_ids), "n": A, "temperature": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("failing", [(), ("sync",), ("think",), ("answer",)], ids=str)
def test_only_the_main_process_speaks_to_the_server_and_each_gets_its_own_or_what_it_failed_of(
    tmp_path, forks, failing
):
    both = [forks.piped([vllm_stand_in.__file__, str(rank), str(tmp_path), *failing]) for rank in (0, 1)]
    try:
        for one in both:
            written, _ = one.communicate(timeout=120)
            assert one.returncode == 0, written
    finally:
        for one in both:
            one.close()


@pytest.mark.slow
def test_another_process_that_fails_ends_with_its_own_error(tmp_path, forks):
    main, other = [forks.piped([vllm_stand_in.__file__, str(rank), str(tmp_path), "other"]) for rank in (0, 1)]
    try:
        written, _ = other.communicate(timeout=120)
        assert other.returncode != 0
        assert "ZeroDivisionError" in f"{written}"
    finally:
        main.close()
        other.close()


@pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
def test_trls_vllm_is_started_with_enough_sequences(monkeypatch):
    from trl.generation.vllm_generation import VLLMGeneration

    from anytime_training.rollouts.vllm_engine import sequences

    started = []
    monkeypatch.setattr(VLLMGeneration, "_init_vllm", lambda vllm: started.append(vllm.max_num_seqs))
    for own in (64, 512, None):
        vllm = VLLMGeneration.__new__(VLLMGeneration)
        vllm.max_num_seqs = own
        with sequences(256):
            vllm._init_vllm()
        vllm.max_num_seqs = own
        vllm._init_vllm()
    assert started == [256, 64, 512, 512, 256, None]
