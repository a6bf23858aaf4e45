"""A from-scratch Qwen3 with random weights that never ends by itself: only budgets decide how long it thinks.

Its residual stream carries a constant in one dimension, which every token's embedding sets and no layer writes to. The
output head reads that dimension for all tokens but lower-case letters and the space, with a large negative weight. So
whatever the layers compute, only plain text is sampled: never the end of the sequence nor a thinking marker, and no
broken characters.
"""

import string
from pathlib import Path
from typing import Any

OPEN, CLOSE, END = "<think>", "</think>", "<|end|>"
FORMAT = {"open": OPEN, "close": CLOSE, "opening": OPEN, "closing": " So:", "cue": "\nA: "}
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
SPOKEN = string.ascii_lowercase + "Ġ"
CONSTANT = 8.0
SUPPRESSED = -200.0


def save_random_model(folder: Path, *, context: int = 2048, seed: int = 0, hidden: int = 256, layers: int = 4) -> Path:
    """Save a model with a byte tokenizer, and return its folder; by default of 3.3 million float32 parameters.

    `hidden` is a multiple of 128.
    """
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    tokenizer = byte_tokenizer()
    config = Qwen3Config(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 128,
        head_dim=64,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        initializer_range=0.1,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        _speak_only(model, tokenizer.convert_tokens_to_ids(list(SPOKEN)))
    model.generation_config = GenerationConfig(do_sample=True, temperature=1.0, eos_token_id=tokenizer.eos_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer() -> Any:
    """Bytes, an end-of-sequence token and the thinking markers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={symbol: index for index, symbol in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END, pad_token=END, thinking_format=FORMAT, chat_template=TEMPLATE
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [OPEN, CLOSE]})
    return tokenizer


def _speak_only(model: Any, spoken_ids: list[int]) -> None:
    model.model.embed_tokens.weight[:, 0] = CONSTANT
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[0] = 0
        layer.mlp.down_proj.weight[0] = 0
    model.lm_head.weight[:, 0] = SUPPRESSED
    model.lm_head.weight[spoken_ids, 0] = 0
