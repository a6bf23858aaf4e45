"""Sampling many short answers off one trunk: the trunk is computed once, whatever the number of answers.

One pass fills the key-value cache with the forced tokens of every fork, packed as in `tree`, and with what it does not
hold yet of prompt and trunk; then all answers of all rows grow side by side, a token a step, each seeing its trunk
prefix, its fork and itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anytime_training.rollouts.room import Room, batches
from anytime_training.trees.forks import Stem
from anytime_training.trees.row import TreeRow, collate

if TYPE_CHECKING:
    import torch

    from anytime_training.rollouts.kv_cache import TrunkCache


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


@dataclass(frozen=True, slots=True)
class Drawn:
    """An answer: its tokens, and the mean of their probabilities under the model's own distribution (1 for none).

    That is what the server calls the confidence of an interim answer of one sample.
    """

    ids: list[int]
    probability: float


def sample_branches(
    model: Any,
    stems: Sequence[Stem],
    samples: int,
    max_tokens: int,
    sampling: Sampling,
    eos_ids: Sequence[int],
    rows: int = 64,
    cached: "TrunkCache | None" = None,
    room: Room | None = None,
) -> list[list[list[int]]]:
    """Sample as `draw_branches` does; return the answers' token ids alone."""
    drawn = draw_branches(model, stems, samples, max_tokens, sampling, eos_ids, rows, cached, room)
    return [[answer.ids for answer in row] for row in drawn]


def draw_branches(
    model: Any,
    stems: Sequence[Stem],
    samples: int,
    max_tokens: int,
    sampling: Sampling,
    eos_ids: Sequence[int],
    rows: int = 64,
    cached: "TrunkCache | None" = None,
    room: Room | None = None,
) -> list[list[Drawn]]:
    """Sample `samples` answers of at most `max_tokens` tokens at every budget of every stem.

    `cached` is what generating the stems left, of the same model; without it they are computed again. At most `rows`
    stems are computed at a time, and no more than `room` has place for.

    Returns:
        For each stem S * samples answers, budget by budget, each up to and including an end-of-turn token; empty
        where nothing can be answered.
    """
    known = cached.known([len(stem.ids) for stem in stems]) if cached else [0] * len(stems)
    grown = max((len(stem.truncation) for stem in stems), default=0) * samples * max_tokens
    sizes = [(_packed(stem) + grown, _packed(stem) - count) for stem, count in zip(stems, known, strict=True)]
    results: dict[int, list[Drawn]] = {}
    for chosen in batches(sizes, rows, room):
        more = max(sizes[index][1] for index in chosen) + grown
        trunks = cached.select(chosen, more) if cached else _nothing_cached(model, len(chosen), more)
        batch = _Batch.pack([stems[index] for index in chosen], samples, trunks)
        results.update(zip(chosen, _grow(model, batch, trunks.cache, max_tokens, sampling, eos_ids), strict=True))
    return [results[index] for index in range(len(stems))]


def _packed(stem: Stem) -> int:
    """The tokens of prompt and trunk, and of what is forced at the forks."""
    return len(stem.ids) + sum(len(fork.forced) for fork in stem.forks.values() if fork)


def _nothing_cached(model: Any, rows: int, limit: int) -> "TrunkCache":
    import torch

    from anytime_training.rollouts.kv_cache import TrunkCache, growing_cache

    return TrunkCache(growing_cache(model.config, limit), torch.zeros(rows, dtype=torch.long, device=model.device))


@dataclass(frozen=True)
class _Batch:
    """The tokens of packed rows that are not cached, and the answers' slots: N = S * samples of each row.

    `mask_B1QK` and `seen_BNK` say which cached tokens and tokens of `ids_BQ` each token and slot sees; slots without a
    fork are not `live`.
    """

    ids_BQ: "torch.Tensor"
    position_BQ: "torch.Tensor"
    mask_B1QK: "torch.Tensor"
    last_BN: "torch.Tensor"
    position_BN: "torch.Tensor"
    seen_BNK: "torch.Tensor"
    live_BN: "torch.Tensor"

    @classmethod
    def pack(cls, stems: Sequence[Stem], samples: int, trunks: "TrunkCache") -> "_Batch":
        import torch

        from anytime_training.trees.attention import TreeMask

        device = trunks.first_B.device
        trees, slots_BN4 = zip(*(_slots(stem, samples) for stem in stems), strict=True)
        known = trunks.known([len(stem.ids) for stem in stems])
        rest = collate([tree.after(count) for tree, count in zip(trees, known, strict=True)], pad_id=0)
        rest = {name: tensor.to(device) for name, tensor in rest.items()}
        known_B1 = torch.tensor(known, device=device).unsqueeze(1)
        index_BQ = known_B1 + torch.arange(rest["input_ids"].shape[1], device=device)
        key_BK = torch.cat([trunks.index(known_B1), index_BQ], dim=1)
        start_BN, last_BN, reach_BN, position_BN = torch.tensor(slots_BN4, device=device).unbind(-1)
        return cls(
            ids_BQ=rest["input_ids"],
            position_BQ=rest["position_ids"],
            mask_B1QK=_seen(key_BK, rest["reach"], rest["start"], index_BQ).unsqueeze(1).as_subclass(TreeMask),
            last_BN=(last_BN - known_B1).clamp(min=0),
            position_BN=position_BN,
            seen_BNK=_seen(key_BK, reach_BN, start_BN, last_BN),
            live_BN=reach_BN > 0,
        )


def _seen(
    key_BK: "torch.Tensor", reach_BX: "torch.Tensor", start_BX: "torch.Tensor", last_BX: "torch.Tensor"
) -> "torch.Tensor":
    """Which keys, given by their index in the row, lie below the reach or from start to last, (B, X, K)."""
    key_B1K, last_BX1 = key_BK.unsqueeze(1), last_BX.unsqueeze(-1)
    return ((key_B1K < reach_BX.unsqueeze(-1)) | (key_B1K >= start_BX.unsqueeze(-1))) & (key_B1K <= last_BX1)


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
    model: Any, batch: _Batch, cache: Any, max_tokens: int, sampling: Sampling, eos_ids: Sequence[int]
) -> list[list[Drawn]]:
    import torch

    B, N = batch.last_BN.shape
    own_NN = torch.eye(N, dtype=torch.bool, device=batch.last_BN.device)
    eos = torch.tensor(list(eos_ids), device=batch.last_BN.device)
    seen_BNK = batch.seen_BNK
    grown: list[torch.Tensor] = []
    sure: list[torch.Tensor] = []
    done_BN = ~batch.live_BN
    with torch.no_grad():
        hidden_BQD = _hidden(model, batch.ids_BQ, batch.position_BQ, batch.mask_B1QK, cache)
        hidden_BND = hidden_BQD.gather(1, batch.last_BN.unsqueeze(-1).expand(-1, -1, hidden_BQD.shape[-1]))
        for step in range(max_tokens):
            logits_NV = model.get_output_embeddings()(hidden_BND).flatten(0, 1)
            drawn_N = sampling.draw(logits_NV)
            tokens_BN = drawn_N.view(B, N).masked_fill(done_BN, -1)
            grown.append(tokens_BN)
            sure.append(_probability(logits_NV, drawn_N).view(B, N))
            done_BN = done_BN | torch.isin(tokens_BN, eos)
            if step == max_tokens - 1 or bool(done_BN.all()):
                break
            seen_BNK = torch.cat([seen_BNK, own_NN.expand(B, N, N)], dim=-1)
            hidden_BND = _hidden(model, tokens_BN.clamp(min=0), batch.position_BN + step, seen_BNK.unsqueeze(1), cache)
    tokens_BNT, sure_BNT = torch.stack(grown, -1).tolist(), torch.stack(sure, -1).tolist()
    return [
        [_drawn(ids, sure) for ids, sure in zip(*row, strict=True)] for row in zip(tokens_BNT, sure_BNT, strict=True)
    ]


def _probability(logits_NV: "torch.Tensor", ids_N: "torch.Tensor") -> "torch.Tensor":
    """The probability of each drawn token, (N,), before temperature and cuts."""
    chosen_N = logits_NV.gather(-1, ids_N.unsqueeze(-1)).squeeze(-1)
    return (chosen_N.float() - logits_NV.float().logsumexp(-1)).exp()


def _drawn(ids: Sequence[int], probabilities: Sequence[float]) -> Drawn:
    """An answer of a row, without the steps after its end."""
    kept = [(token, probability) for token, probability in zip(ids, probabilities, strict=True) if token >= 0]
    mean = sum(probability for _, probability in kept) / len(kept) if kept else 1.0
    return Drawn([token for token, _ in kept], mean)


def _hidden(model: Any, ids: "torch.Tensor", positions: "torch.Tensor", mask: "torch.Tensor", cache: Any) -> Any:
    outputs = model.get_decoder()(
        input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=cache, use_cache=True
    )
    return outputs.last_hidden_state
