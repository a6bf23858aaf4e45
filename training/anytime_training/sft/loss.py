"""The loss of SFT on packed trees. Imports torch: import it where it is used."""

import torch
from torch.nn.functional import cross_entropy


def weighted_loss(
    logits_BTV: torch.Tensor, ids_BT: torch.Tensor, start_BT: torch.Tensor, weights_BT: torch.Tensor
) -> torch.Tensor:
    """Cross entropy of each token given the one before it in the row, averaged by weight.

    Raises:
        ValueError: if the first token of a branch has a weight: its predecessor in the row is not its predecessor.
    """
    index_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    if bool((weights_BT[start_BT == index_T] > 0).any()):
        raise ValueError("the first token of a segment can't be a target")
    targets = weights_BT[:, 1:] > 0
    losses = cross_entropy(logits_BTV[:, :-1][targets].float(), ids_BT[:, 1:][targets], reduction="none")
    weights = weights_BT[:, 1:][targets]
    return (losses * weights).sum() / weights.sum()
