import math
from types import SimpleNamespace

import pytest
import torch

from anytime_training.algorithm.importance import importance_ratio


def settings(mode, low=0.5, high=2.0):
    return SimpleNamespace(
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_min=low,
        vllm_importance_sampling_clip_max=high,
    )


GAPS = torch.tensor([[math.log(4), math.log(1.5), 0.0, math.log(0.25), float("nan")]])


@pytest.mark.parametrize(
    ("mode", "expected"), [("token_truncate", [2.0, 1.5, 1.0, 0.5, 1.0]), ("token_mask", [0.0, 1.5, 1.0, 0.0, 1.0])]
)
def test_ratios_outside_the_limits_are_cut_or_masked(mode, expected):
    assert importance_ratio(GAPS, settings(mode)).tolist() == [pytest.approx(expected)]


@pytest.mark.parametrize("mode", ["token_truncate", "token_mask"])
def test_without_limits_ratios_stay(mode):
    expected = [4.0, 1.5, 1.0, 0.25, 1.0]
    assert importance_ratio(GAPS, settings(mode, None, None)).tolist() == [pytest.approx(expected)]
