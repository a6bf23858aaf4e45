"""Sampling many short answers off one trunk: the trunk is computed once, whatever the number of answers.

One pass fills the key-value cache with prompt, trunk and the forced tokens of every fork, packed as in `tree`; then all
answers of all rows grow side by side, a token a step, each seeing its trunk prefix, its fork and itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anytime_training.forks import Stem
from anytime_training.tree import TreeRow, attention_mask, collate

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn: greedy at temperature 0; `top_k` 0 and `top_p` 1 leave the distribution as it is."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0

    def draw(self, logits_NV: "torch.Tensor") -> "torch.Tensor":
        """Draw one token of each row, (N,) int64, from torch's global generator."""
        import torch
        from transformers.generation import logits_process as warp

        if self.temperature == 0:
            return logits_NV.argmax(-1)
        scores_NV = logits_NV.float() / self.temperature
        ids_NT = torch.empty(len(logits_NV), 0, dtype=torch.long)
        if self.top_k:
            scores_NV = warp.TopKLogitsWarper(self.top_k)(ids_NT, scores_NV)
        if self.top_p < 1:
            scores_NV = warp.TopPLogitsWarper(self.top_p)(ids_NT, scores_NV)
        if self.min_p:
            scores_NV = warp.MinPLogitsWarper(self.min_p)(ids_NT, scores_NV)
        return torch.multinomial(scores_NV.softmax(-1), 1).squeeze(-1)


def sample_branches(
    model: Any,
    stems: Sequence[Stem],
    samples: int,
    max_tokens: int,
    sampling: Sampling,
    eos_ids: Sequence[int],
    rows: int = 64,
) -> list[list[list[int]]]:
    """Sample `samples` answers of at most `max_tokens` tokens at every budget of every stem.

    Returns:
        For each stem S * samples token id lists, budget by budget, each up to and including an end-of-turn token;
        empty where nothing can be answered. `rows` stems are computed at a time.
    """
    order = sorted(range(len(stems)), key=lambda index: len(stems[index].ids))
    results: dict[int, list[list[int]]] = {}
    for first in range(0, len(order), rows):
        chosen = order[first : first + rows]
        batch = _Batch.pack([stems[index] for index in chosen], samples, model.device)
        results.update(zip(chosen, _grow(model, batch, max_tokens, sampling, eos_ids), strict=True))
    return [results[index] for index in range(len(stems))]


@dataclass(frozen=True)
class _Batch:
    """Packed rows, and the answers' slots: N = S * samples of each row; slots without a fork are not `live`."""

    inputs: dict[str, "torch.Tensor"]
    last_BN: "torch.Tensor"
    position_BN: "torch.Tensor"
    seen_BNT: "torch.Tensor"
    live_BN: "torch.Tensor"

    @classmethod
    def pack(cls, stems: Sequence[Stem], samples: int, device: Any) -> "_Batch":
        import torch

        trees, slots_BN4 = zip(*(_slots(stem, samples) for stem in stems), strict=True)
        inputs = {name: tensor.to(device) for name, tensor in collate(trees, pad_id=0).items()}
        start_BN, last_BN, reach_BN, position_BN = torch.tensor(slots_BN4, device=device).unbind(-1)
        index_T = torch.arange(inputs["input_ids"].shape[1], device=device)
        in_trunk_BNT = index_T < reach_BN.unsqueeze(-1)
        in_fork_BNT = (index_T >= start_BN.unsqueeze(-1)) & (index_T <= last_BN.unsqueeze(-1))
        return cls(inputs, last_BN, position_BN, in_trunk_BNT | in_fork_BNT, reach_BN > 0)


def _slots(stem: Stem, samples: int) -> tuple[TreeRow, list[tuple[int, int, int, int]]]:
    """The packed row, and for each answer its fork's first and last token, its reach and its first position."""
    tree = TreeRow()
    tree.extend(stem.ids, [0.0] * len(stem.ids))
    ends: dict[int, tuple[int, int, int, int]] = {}
    for index, fork in stem.forks.items():
        if fork is None:
            ends[index] = (0, 0, 0, 0)
            continue
        start = len(tree.ids)
        tree.fork(fork.reach, fork.forced, [0.0] * len(fork.forced))
        ends[index] = (start, len(tree.ids) - 1, fork.reach, fork.reach + len(fork.forced))
    return tree, [ends[index] for index in stem.truncation for _ in range(samples)]


def _grow(
    model: Any, batch: _Batch, max_tokens: int, sampling: Sampling, eos_ids: Sequence[int]
) -> list[list[list[int]]]:
    import torch
    from transformers import DynamicCache

    B, N = batch.last_BN.shape
    cache = DynamicCache(config=model.config)
    own_NN = torch.eye(N, dtype=torch.bool, device=batch.last_BN.device)
    eos = torch.tensor(list(eos_ids), device=batch.last_BN.device)
    seen_BNT = batch.seen_BNT
    grown: list[torch.Tensor] = []
    done_BN = ~batch.live_BN
    with torch.no_grad():
        mask = attention_mask(batch.inputs["reach"], batch.inputs["start"])
        hidden_BTD = _hidden(model, batch.inputs["input_ids"], batch.inputs["position_ids"], mask, cache)
        hidden_BND = hidden_BTD.gather(1, batch.last_BN.unsqueeze(-1).expand(-1, -1, hidden_BTD.shape[-1]))
        for step in range(max_tokens):
            logits_NV = model.get_output_embeddings()(hidden_BND).flatten(0, 1)
            tokens_BN = sampling.draw(logits_NV).view(B, N).masked_fill(done_BN, -1)
            grown.append(tokens_BN)
            done_BN = done_BN | torch.isin(tokens_BN, eos)
            if step == max_tokens - 1 or bool(done_BN.all()):
                break
            seen_BNT = torch.cat([seen_BNT, own_NN.expand(B, N, N)], dim=-1)
            hidden_BND = _hidden(model, tokens_BN.clamp(min=0), batch.position_BN + step, seen_BNT.unsqueeze(1), cache)
    return [[[t for t in answer if t >= 0] for answer in row] for row in torch.stack(grown, -1).tolist()]


def _hidden(model: Any, ids: "torch.Tensor", positions: "torch.Tensor", mask: "torch.Tensor", cache: Any) -> Any:
    outputs = model.get_decoder()(
        input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=cache, use_cache=True
    )
    return outputs.last_hidden_state
