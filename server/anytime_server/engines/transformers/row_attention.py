"""Attention of a continuous batch on a CPU, in which each query meets the keys of its own request alone.

transformers lays the requests of a batch end to end, and attends under one mask over all of it: each of N queries meets
the keys of all N requests, and nearly all of them are masked away. Here requests that take one step attend side by
side, with those of about as many keys; the others, whose prompts are computed, one after another. Keys and values are
read page by page.

Imports torch and transformers: import it where it is used.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

_NOTHING = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True, slots=True)
class Steps:
    """N requests with one query each.

    Attributes:
        queries: their places in the batch, (N).
        pages: of all of them, each padded to as many as the longest has, (N * pages).
        keys: of the longest.
        bias: 0 for a key of the request and minus infinity for padding, (N, 1, 1, keys); None if all are as long.
    """

    queries: torch.Tensor
    pages: torch.Tensor
    keys: int
    bias: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request with queries in a row, the last of its keys.

    Attributes:
        queries: their places in the batch.
        pages: of the request; None if all its keys are in the batch.
        keys: of the request.
        seen: which keys each query sees, (queries, keys): those up to its own. None if there are as many of both.
    """

    queries: slice
    pages: torch.Tensor | None
    keys: int
    seen: torch.Tensor | None


class RowMask(torch.Tensor):
    """The mask of a batch as its parts. Its shape (1, 1, 1, 1) tells models that it is ready, so they pass it on."""

    parts: Sequence[Steps | Prompt]

    @classmethod
    def of(cls, parts: Sequence[Steps | Prompt]) -> "RowMask":
        """Return the mask of a batch that is made of these."""
        mask = torch.empty(1, 1, 1, 1).as_subclass(cls)
        mask.parts = parts
        return mask


def row_mask(batch: Mapping[str, Any], page: int, dtype: torch.dtype) -> RowMask:
    """Return the mask of a batch of full attention.

    Args:
        batch: what transformers gives the model (`PagedAttentionArgs`).
        page: tokens of a page of its cache.
        dtype: of the model.
    """
    (ends_of_keys,) = batch["cu_seq_lens_k"].values()
    (read,) = batch["read_index"]
    return RowMask.of(divide(batch["cu_seq_lens_q"].tolist(), ends_of_keys.tolist(), read, page, dtype))


def divide(
    q_bounds: Sequence[int], k_bounds: Sequence[int], read: torch.Tensor, page: int, dtype: torch.dtype
) -> list[Steps | Prompt]:
    """Return the parts of a batch.

    Args:
        q_bounds: where each request's queries begin, and where the last ones end.
        k_bounds: the same for its keys.
        read: where each key is in the cache, a request's from the beginning of a page on; empty if nothing was there
            before this batch.
        page: tokens of a page.
        dtype: of the bias.
    """
    parts: list[Steps | Prompt] = []
    steps: dict[int, list[int]] = defaultdict(list)
    for row, (first, last) in enumerate(pairwise(q_bounds)):
        queries, keys = last - first, k_bounds[row + 1] - k_bounds[row]
        if not len(read):
            parts.append(Prompt(slice(first, last), None, keys, None))
        elif queries > 1:
            pages = read[k_bounds[row] : k_bounds[row + 1] : page] // page
            seen = torch.ones(queries, keys, dtype=torch.bool).tril_(keys - queries) if queries < keys else None
            parts.append(Prompt(slice(first, last), pages, keys, seen))
        else:
            steps[((keys - 1) // page).bit_length()].append(row)
    ends = torch.tensor(k_bounds)
    for rows in steps.values():
        begins_N, ends_N = ends[rows], ends[[row + 1 for row in rows]]
        keys_N = ends_N - begins_N
        longest = int(keys_N.max())
        # Padding reads the page of the last key once more: it holds numbers, and nobody looks at them.
        places_NP = torch.minimum(begins_N[:, None] + torch.arange(0, longest, page), ends_N[:, None] - 1)
        queries_N = torch.tensor([q_bounds[row] for row in rows])
        parts.append(Steps(queries_N, (read[places_NP] // page).flatten(), longest, _bias(keys_N, longest, dtype)))
    return parts


def _bias(keys_N: torch.Tensor, longest: int, dtype: torch.dtype) -> torch.Tensor | None:
    padding_NL = torch.arange(longest) >= keys_N[:, None]
    if not padding_NL.any():
        return None
    bias_NL = torch.zeros(padding_NL.shape, dtype=dtype).masked_fill_(padding_NL, float("-inf"))
    return bias_NL[:, None, None]


def row_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: RowMask,
    *,
    cache: Any,
    write_index: Sequence[torch.Tensor],
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What `sdpa` computes of a batch, T tokens: query (1, H, T, D), key and value (1, K, T, D) to (1, T, H, D)."""
    query_THD, key_TKD, value_TKD = (states[0].transpose(0, 1) for states in (query, key, value))
    layer: int = module.layer_idx  # type: ignore[assignment]
    allocator = cache.layer_to_allocator[layer]
    allocator.update(key_TKD, value_TKD, layer, _NOTHING, write_index[allocator.index])
    pages = allocator.get_cache_for_block_table(layer)
    output_THD = torch.empty(query_THD.shape, dtype=query.dtype)
    for part in mask.parts:
        if isinstance(part, Steps):
            output_THD[part.queries] = _steps(query_THD, pages, part, scaling)
        else:
            read = [_read(states, part.pages, part.keys, 1) for states in pages] if part.pages is not None else None
            key_1KLD, value_1KLD = read or (key[:, :, part.queries], value[:, :, part.queries])
            output_1HQD = scaled_dot_product_attention(
                query[:, :, part.queries],
                key_1KLD,
                value_1KLD,
                attn_mask=part.seen,
                is_causal=part.seen is None,
                scale=scaling,
                enable_gqa=True,
            )
            output_THD[part.queries] = output_1HQD[0].transpose(0, 1)
    return output_THD.unsqueeze(0), None


def _steps(
    query_THD: torch.Tensor, pages: tuple[torch.Tensor, torch.Tensor], part: Steps, scaling: float | None
) -> torch.Tensor:
    """Return (N, H, D). The heads of a group attend to the same keys, as the queries of one head do."""
    query_NHD = query_THD[part.queries]
    key_NKLD, value_NKLD = (_read(states, part.pages, part.keys, len(query_NHD)) for states in pages)
    query_NKGD = query_NHD.view(len(query_NHD), key_NKLD.shape[1], -1, query_NHD.shape[-1])
    output_NKGD = scaled_dot_product_attention(query_NKGD, key_NKLD, value_NKLD, attn_mask=part.bias, scale=scaling)
    return output_NKGD.flatten(1, 2)


def _read(states_PSKD: torch.Tensor, pages: torch.Tensor, keys: int, rows: int) -> torch.Tensor:
    """Return what `rows` requests of as many pages have on them: (rows, K, keys, D)."""
    read_NLKD = states_PSKD.index_select(0, pages).view(rows, -1, *states_PSKD.shape[2:])
    return read_NLKD[:, :keys].transpose(1, 2)
