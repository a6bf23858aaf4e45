"""What a run takes of memory at its peak, from its recipe and the shape of its model, before anything is loaded.

Sizes are of one process without sharding, in bytes, at the longest rows that the settings allow. What allocators keep
and torch's own libraries (about 1 GB on a GPU) come on top.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime_training.rollouts.room import COPIES, PAIR_BYTES

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig
    from anytime_training.runs.brpo_recipe import BrpoRecipe, Lora

GIB = 2**30
CARD = 80 * GIB
"""The memory of the GPU that recipes are written for, where there is none to ask."""

HEAD_TOKENS, HEAD_VOCABULARY = 4096, 32768
"""TRL's fused head has a buffer for the logits of so many tokens and words."""

HEAD_STEPS = 7
"""Tensors of logits in float32 that the head works with where it can't run on Triton."""

BLOCK_PAIR_BYTES = 24 / 128
"""Of a query and a key, in what block masks are made of."""

FULL = 4
"""Bytes of float32, in which norms compute, and residuals where the weights are float32."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What of a model decides how much memory it takes; `linear` are the parameters of its matrix products."""

    parameters: int
    linear: int
    adapters: int
    layers: int
    hidden: int
    intermediate: int
    queries: int
    keys: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any, lora: "Lora | None" = None) -> "Sizes":
        """Count the parameters of a model with this configuration, without making them."""
        import torch
        from transformers import AutoModelForCausalLM

        text = config.get_text_config()
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        products = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
        inner = [module for module in products if module is not model.get_output_embeddings()]
        head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        kv_heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        return cls(
            parameters=sum(value.numel() for value in model.parameters()),
            linear=sum(module.weight.numel() for module in products),
            adapters=sum(lora.r * (module.in_features + module.out_features) for module in inner) if lora else 0,
            layers=text.num_hidden_layers,
            hidden=text.hidden_size,
            intermediate=text.intermediate_size,
            queries=text.num_attention_heads * head_dim,
            keys=kv_heads * head_dim,
            vocabulary=text.vocab_size,
        )


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes by what they are for. Rollouts and updates take turns; the rest is held throughout."""

    weights: float
    gradients: float
    optimiser: float
    vllm: float
    rollouts: float
    casts: float
    activations: float
    logits: float
    masks: float

    @property
    def update(self) -> float:
        """What a group of rows takes on its way forward and backward."""
        return self.casts + self.activations + self.logits + self.masks

    @property
    def total(self) -> float:
        """All that is held at a time, at most."""
        return self.weights + self.gradients + self.optimiser + self.vllm + max(self.rollouts, self.update)

    def table(self) -> str:
        """A line a part, in GiB."""
        parts = [(field.name, getattr(self, field.name)) for field in fields(self)]
        lines = [f"{name:<12} {size / GIB:7.2f} GiB" for name, size in [*parts, ("peak", self.total)]]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Load:
    """What goes through the model at a time: rows of an update, and rows of rollouts with their tokens."""

    rows: int
    row_tokens: int
    rollouts: int
    rollout_tokens: int

    @classmethod
    def of(cls, args: "BRPOConfig", prompt: int, forced: int) -> "Load":
        """The largest that the settings allow, for prompts of `prompt` tokens."""
        answers = len(args.budgets) * args.interim_samples
        longest = prompt + args.budgets[-1] + answers * (forced + args.interim_max_tokens)
        if _runs_flex(args):
            from anytime_training.trees.flex import Shapes

            longest = Shapes(args.flex_step).length(longest)
        most = args.per_device_train_batch_size
        if args.max_tokens_per_forward is not None:
            most = max(1, min(most, args.max_tokens_per_forward // longest))
        rollouts = args.per_device_train_batch_size * (args.steps_per_generation or 1)
        return cls(most, longest, 0 if args.use_vllm else rollouts, longest)


def peak(sizes: Sizes, load: Load, args: "BRPOConfig", dtype_bytes: int, card: float | None = CARD) -> Peak:
    """Estimate a process's peak; weights are of `dtype_bytes` a number, and vLLM shares a card of `card` bytes.

    `card` is None for a run on the CPU.
    """
    mixed = args.bf16 or args.fp16
    computed = 2 if mixed else dtype_bytes
    residual = max(computed, dtype_bytes)
    trained = sizes.adapters or sizes.parameters
    trained_bytes = FULL if sizes.adapters else dtype_bytes
    tokens = load.rows * load.row_tokens
    cache = 2 * sizes.layers * sizes.keys * dtype_bytes
    logits = _logits(sizes, min(tokens, HEAD_TOKENS), computed, on_cpu=card is None)
    layer, beside = (tokens * size for size in _activations(sizes, computed, residual))
    if args.gradient_checkpointing:  # a layer is computed again when the head has gone
        kept = tokens * sizes.layers * sizes.hidden * residual + max(0, layer - logits)
    else:
        kept = sizes.layers * layer
    return Peak(
        weights=sizes.parameters * dtype_bytes + sizes.adapters * FULL,
        gradients=trained * trained_bytes,
        optimiser=2 * trained * trained_bytes,
        vllm=args.vllm_gpu_memory_utilization * (card or 0) if args.use_vllm and args.vllm_mode == "colocate" else 0,
        rollouts=COPIES * load.rollouts * load.rollout_tokens * cache,
        casts=sizes.linear * computed if computed < dtype_bytes else 0,
        activations=kept + beside,
        logits=logits,
        masks=load.rows * load.row_tokens**2 * (BLOCK_PAIR_BYTES if _runs_flex(args) else PAIR_BYTES),
    )


def _runs_flex(args: "BRPOConfig") -> bool:
    return (args.model_init_kwargs or {}).get("attn_implementation") == "flex_attention"


def _logits(sizes: Sizes, tokens: int, computed: int, on_cpu: bool) -> int:
    """The head's buffer and the gradient of its weights; on the CPU, what it computes in."""
    steps = HEAD_STEPS * min(sizes.vocabulary, HEAD_VOCABULARY) * FULL if on_cpu else 0
    return tokens * (HEAD_VOCABULARY * computed + steps) + sizes.vocabulary * sizes.hidden * FULL


def _activations(sizes: Sizes, computed: int, residual: int) -> tuple[int, int]:
    """Bytes a token that a layer keeps for its backward pass, and that stand beside the layers, its input included."""
    norms = 2 * 2 * sizes.hidden * FULL
    attention = (3 * sizes.queries + 6 * sizes.keys + 2 * sizes.hidden) * computed
    products = 4 * sizes.intermediate * computed
    return norms + attention + products + 2 * sizes.hidden * residual, 3 * sizes.hidden * residual


def estimate(recipe: "BrpoRecipe") -> Peak:
    """The peak of a recipe's run; of its model, only the configuration and the tokenizer are read.

    Raises:
        ValueError: naming the key that is wrong and what to do.
    """
    from transformers import AutoConfig

    from anytime_server.engines.hf_tokenizer import HFTokenizer
    from anytime_training.runs import inputs
    from anytime_training.runs.arguments import trainer_arguments

    path = inputs.model_path(recipe.model.path)
    args = trainer_arguments(recipe, Path("estimate"), to_run=False)
    config, tokenizer = AutoConfig.from_pretrained(path), HFTokenizer(inputs.load_tokenizer(path))
    return of_run(recipe, args, config, args.format_of(tokenizer).forced_tokens, _card(recipe))


def of_run(recipe: "BrpoRecipe", args: "BRPOConfig", config: Any, forced: int, card: float | None) -> Peak:
    """The peak of a run whose answers follow `forced` tokens, on a card of so many bytes or, if None, the CPU."""
    import torch

    context = args.vllm_max_model_length or getattr(config.get_text_config(), "max_position_embeddings", None)
    room = args.prompt_room(context or 2 * args.budgets[-1], forced)
    load = Load.of(args, recipe.data.max_prompt_tokens or room, forced)
    return peak(Sizes.of(config, recipe.model.lora), load, args, getattr(torch, recipe.model.dtype).itemsize, card)


def _card(recipe: "BrpoRecipe") -> float | None:
    """The memory of the GPU that is there, or that a recipe which can't do without is written for."""
    import torch

    if recipe.trainer.get("use_cpu"):
        return None
    if torch.cuda.is_available():
        memory: int = torch.cuda.get_device_properties(0).total_memory
        return memory
    return CARD if recipe.trainer.get("use_vllm") or recipe.trainer.get("bf16") else None
