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
FORMAT = {"open": OPEN, "close": CLOSE, "opening": OPEN, "closing": "\nSo:", "cue": "\nA: "}
"""The closing begins with what the model never says: vLLM's own budget takes up one that it finds begun."""
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
SPOKEN = string.ascii_lowercase + "Ġ"
CONSTANT = 8.0
SUPPRESSED = -200.0


QWEN3_600M = {
    "vocab_size": 151936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
"""The shape of Qwen3-0.6B, but that its head has weights of its own: the embeddings can't say what not to say."""


def save_qwen3_600m(folder: Path) -> Path:
    """Save a model of Qwen3-0.6B's shape, and return its folder."""
    import torch
    from transformers import Qwen3Config

    config = Qwen3Config(**QWEN3_600M, max_position_embeddings=40960, tie_word_embeddings=False)
    return save_model(config, folder, torch.bfloat16)


def save_random_model(folder: Path, *, context: int = 2048, seed: int = 0, hidden: int = 256, layers: int = 4) -> Path:
    """Save a model with a byte tokenizer, and return its folder; by default of 3.3 million float32 parameters.

    `hidden` is a multiple of 128.
    """
    from transformers import Qwen3Config

    config = Qwen3Config(
        vocab_size=-(-len(byte_tokenizer()) // 64) * 64,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 128,
        head_dim=64,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        initializer_range=0.1,
    )
    return save_model(config, folder, seed=seed)


def save_model(config: Any, folder: Path, dtype: Any = None, *, seed: int = 0) -> Path:
    """Save random weights of this shape, made on the GPU if there is one, with a byte tokenizer; return the folder.

    `dtype` is torch's, float32 by default; the configuration's `eos_token_id` is set.
    """
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    tokenizer = byte_tokenizer()
    end = config.eos_token_id = tokenizer.eos_token_id
    torch.manual_seed(seed)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype or torch.float32)
    with torch.no_grad():
        _speak_only(model, tokenizer.convert_tokens_to_ids(list(SPOKEN)))
    model.generation_config = GenerationConfig(do_sample=True, temperature=1.0, eos_token_id=end)
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
