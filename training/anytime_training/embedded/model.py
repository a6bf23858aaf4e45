"""The architecture of anytime-tiny: a small Qwen3, from scratch, with tied embeddings, in float32."""

from pathlib import Path
from typing import TYPE_CHECKING

from anytime_training.embedded.tokenizer import END, PAD
from anytime_training.settings import Count, Frozen

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase, Qwen3ForCausalLM

VOCABULARY_MULTIPLE = 64


class ModelShape(Frozen):
    """The size of a model built from scratch."""

    hidden_size: Count
    intermediate_size: Count
    layers: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    context: Count


def build_model(shape: ModelShape, tokenizer: "PreTrainedTokenizerBase") -> "Qwen3ForCausalLM":
    """Build the model with random weights; its vocabulary is padded to a multiple of 64."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    padded = -(-len(tokenizer) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
    config = Qwen3Config(
        vocab_size=padded,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
        initializer_range=0.05,
        dtype="float32",
    )
    model = Qwen3ForCausalLM(config).to(torch.float32)
    model.generation_config = sampling_defaults(tokenizer)
    return model


def load_model(folder: Path) -> "Qwen3ForCausalLM":
    """Load a model that `build_model` built, to go on training it."""
    import torch
    from transformers import Qwen3ForCausalLM

    return Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32)


def sampling_defaults(tokenizer: "PreTrainedTokenizerBase") -> "GenerationConfig":
    """How a server samples the model where a request does not say."""
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=True, temperature=0.6, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
