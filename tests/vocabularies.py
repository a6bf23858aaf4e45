"""Tokenizers over real-shaped vocabularies: byte-level BPE whose merges straddle the markers of reasoning models."""

from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from anytime_server.engines.hf_tokenizer import HFTokenizer

THOUGHTS = (
    "So 2+2 is 4.\n</think>\n\nThe answer is 4.",
    "x < 5 and y </ 3. </think>The answer",
    "it is 4.</think>\n\n**Final Answer**\n4",
    "if a<b: print(a)</think>",
    "wait <think> again </think>> then </thinking> and </thin",
)
"""What the merges are learned on: markers with all sorts of neighbours."""


@cache
def bpe(merges: int = 60, special: tuple[str, ...] = ("<|end|>",), seed: int = 0) -> HFTokenizer:
    """A byte-level BPE with so many merges over the thoughts, another one for each seed; the first special is EOS."""
    backend = Tokenizer(models.BPE())
    # Without words as bounds, merges run across whatever often stands together.
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator([thought[seed % 7 :] for thought in THOUGHTS] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=special[0])
    tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    return HFTokenizer(tokenizer)
