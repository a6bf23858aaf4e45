"""flex_attention against sdpa on packed rows of the paper's proportions: the same numbers, and how fast."""

import argparse
import json
import time
from random import Random
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from anytime_training.trees.batch import TreeBatch
from anytime_training.trees.flex import Shapes, compiling
from anytime_training.trees.packing import Packed, batch
from anytime_training.trees.row import TreeRow

ANSWERS, FORCED = 16, 14
ROUNDS = 5


def row(rng: Random, thinking: int, answer: int) -> Packed:
    """A rollout: a prompt, thinking, and answers at four cuts."""
    packed = Packed(rng.randint(60, 200), TreeRow())
    trunk = packed.prompt_length + thinking
    packed.tree.extend([rng.randrange(300) for _ in range(trunk)], [1.0] * trunk)
    for index in range(ANSWERS):
        size = FORCED + rng.randint(answer // 2, answer)
        at = packed.prompt_length + thinking * (index // 4 + 1) // 4
        packed.tree.fork(at, [rng.randrange(300) for _ in range(size)], [1.0] * size)
    packed.advantages = [0.0] * len(packed.tree.ids)
    packed.sampling_logps = list(packed.advantages)
    return packed


def model(attention: str, hidden: int, layers: int, dtype: torch.dtype, device: str) -> Qwen2ForCausalLM:
    """Random weights, the same for each kind of attention."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=320,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=max(1, hidden // 256),
        max_position_embeddings=2**15,
        attn_implementation=attention,
    )
    return Qwen2ForCausalLM(config).to(device=device, dtype=dtype)


def through(net: Qwen2ForCausalLM, rows: list[Packed], flex: Shapes | None, grad: bool) -> Any:
    """The hidden states of a batch's own tokens; with `grad`, the backward pass of their squares too."""
    tensors = {name: value.to(net.device) for name, value in batch(rows, pad_id=0).items()}
    ids = torch.cat([tensors["prompt_ids"], tensors["completion_ids"]], dim=1)
    mask = torch.cat([tensors["prompt_mask"], tensors["completion_mask"]], dim=1)
    trees = TreeBatch(ids, mask, tensors, tensors["completion_ids"].shape[1], flex)
    states = []
    for group in trees.groups(None, skip_untrained=False):
        inputs, columns = trees.inputs(group)
        inputs.pop("labels")
        with torch.set_grad_enabled(grad):
            hidden = net.model(**inputs, use_cache=False).last_hidden_state[:, : columns.stop - columns.start]
            kept = hidden[mask[group][:, columns].bool()]
            if grad:
                kept.float().pow(2).mean().backward()
        states.append(kept.detach().float())
    return torch.cat(states)


def agreement(device: str, grad: bool, thinking: int) -> dict[str, float]:
    """The largest difference of states and of gradients, in float32, over rows of several lengths."""
    rng, found = Random(0), {"state": 0.0, "gradient": 0.0}
    for length in (thinking // 8, thinking // 2, thinking):
        rows = [row(rng, length, 32)]
        nets = {kind: model(kind, 256, 2, torch.float32, device) for kind in ("sdpa", "flex_attention")}
        states = {k: through(net, rows, Shapes(512) if k != "sdpa" else None, grad) for k, net in nets.items()}
        found["state"] = max(found["state"], (states["sdpa"] - states["flex_attention"]).abs().max().item())
        if grad:
            pairs = zip(*(net.model.parameters() for net in nets.values()), strict=True)
            gaps = [((a.grad - b.grad).abs().max() / a.grad.abs().max()).item() for a, b in pairs]
            found["gradient"] = max(found["gradient"], *gaps)
    return found


def speed(kind: str, device: str, thinking: int) -> dict[str, float]:
    """Seconds of a forward and a backward pass of two rows, and the most memory, once compiled."""
    net, rows = model(kind, 1536, 4, torch.bfloat16, device), [row(Random(1), thinking, 128) for _ in range(2)]
    flex = Shapes() if kind == "flex_attention" else None
    start = time.perf_counter()
    through(net, rows, flex, grad=True)
    torch.cuda.synchronize()
    first = time.perf_counter() - start
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        through(net, rows, flex, grad=True)
    torch.cuda.synchronize()
    took = (time.perf_counter() - start) / ROUNDS
    return {"first_s": first, "s": took, "peak_gib": torch.cuda.max_memory_allocated() / 2**30}


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="forward passes of short rows on the CPU")
    dry = parser.parse_args().dry
    device, thinking = ("cpu", 300) if dry else ("cuda", 2000)
    with compiling(shapes=Shapes().count(2**14, 2)):
        found: dict[str, Any] = {"difference": agreement(device, not dry, thinking)}
        assert max(found["difference"].values()) < 1e-2, found
        if dry:
            found["left_out"] = "the backward pass and speed: torch has no backward pass of flex_attention on a CPU"
        else:
            found |= {kind: speed(kind, device, 8000) for kind in ("sdpa", "flex_attention")}
            found["times_faster"] = found["sdpa"]["s"] / found["flex_attention"]["s"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
