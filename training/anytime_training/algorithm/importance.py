"""How much likelier a token is to the trained policy than to its sampler. Imports torch: import it where it is used."""

from typing import Any

import torch


def importance_ratio(gap_BT: torch.Tensor, args: Any) -> torch.Tensor:
    """The probability ratio of tokens whose log-probabilities differ by `gap_BT`, cut or masked as TRL does.

    `args` are TRL's `vllm_importance_sampling_` settings: `token_truncate` limits ratios to clip_min..clip_max,
    `token_mask` makes those outside 0. A token that the sampler gave no log-probability (NaN) has ratio 1.
    """
    ratio_BT = torch.nan_to_num(gap_BT, nan=0.0).exp()
    low, high = args.vllm_importance_sampling_clip_min, args.vllm_importance_sampling_clip_max
    low, high = 0.0 if low is None else low, float("inf") if high is None else high
    if args.vllm_importance_sampling_mode == "token_truncate":
        return ratio_BT.clamp(min=low, max=high)
    return ratio_BT.masked_fill((ratio_BT < low) | (ratio_BT > high), 0.0)
