"""The tokenizer of anytime-tiny: words of the domain, digits, signs and other characters, one token each."""

import re
import string
from typing import TYPE_CHECKING

from anytime_training.problems.tasks.vocabulary import WORDS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNK, END, USER, ASSISTANT = "<|pad|>", "<unk>", "<|end|>", "<|user|>", "<|assistant|>"
OPEN, CLOSE = "<think>", "</think>"
THINKING_FORMAT = {
    "open": OPEN,
    "close": CLOSE,
    "opening": f"{OPEN}\n",
    "closing": f" ...\n{CLOSE}",
    "cue": "\nAnswer:",
}
CHARACTERS = f"{string.digits}{string.ascii_letters}{string.punctuation} \n×−"  # noqa: RUF001 (what users type)

# System messages are left out: the model knows one task only. Earlier thinking is dropped.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.content is string -%}{%- set content = message.content -%}
{%- else -%}{%- set content = message.content | map(attribute='text') | join('') -%}{%- endif -%}
{%- if message.role == 'user' -%}<|user|>{{ content | trim }}<|end|>
{%- elif message.role == 'assistant' -%}<|assistant|>{{ content.split('</think>')[-1] | trim }}<|end|>
{%- elif message.role not in ['system', 'developer'] -%}
{{- raise_exception('anytime-tiny takes the roles system, developer, user and assistant, not ' + message.role) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|><think>
{% endif -%}
"""


def vocabulary() -> dict[str, int]:
    """Token to id: special tokens, characters, then the words with and without a space before them."""
    words = [variant for word in WORDS for variant in (word, f" {word}")]
    tokens = [PAD, UNK, END, USER, ASSISTANT, OPEN, CLOSE, *CHARACTERS, " ...", *words]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}


def build_tokenizer() -> "PreTrainedTokenizerFast":
    """Build the tokenizer. Every text of known characters round-trips; other characters become `<unk>`."""
    from tokenizers import AddedToken, Regex, Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    words = "|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True) if len(word) > 1)
    pattern = rf" \.\.\.| ?(?<![A-Za-z])(?:{words})(?![A-Za-z])|[\s\S]"
    backend = Tokenizer(WordLevel(vocabulary(), unk_token=UNK))
    backend.pre_tokenizer = Split(Regex(pattern), behavior="isolated")
    backend.decoder = Fuse()
    backend.add_special_tokens([PAD, UNK, END, USER, ASSISTANT])
    # The markers are ordinary tokens, as in the Qwen3 family, so that decoding keeps them.
    backend.add_tokens([AddedToken(OPEN, normalized=False), AddedToken(CLOSE, normalized=False)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        thinking_format=THINKING_FORMAT,
        ignored_roles=["system", "developer"],
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
