"""The controller's tokenizer over a Hugging Face one."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime_server.controller import Message, TemplateError, Tool
from anytime_server.controller.tokenizer import NO_VARIABLES
from anytime_server.engines.hf_vocabulary import vocabulary_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def auto_tokenizer(name: str | Path, **options: Any) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a folder or Hub id, with options of transformers' own.

    Mistral's repositories hold a second one, in Mistral's format, that has no chat template and hides its special
    tokens. With mistral-common installed transformers would take that one.
    """
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, mistral_format=False, **options)
    return tokenizer


class HFTokenizer:
    """Adapts a fast transformers tokenizer; `extra_eos_ids` are those of the model's generation config."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", extra_eos_ids: Sequence[int] = ()) -> None:
        """Wrap `tokenizer`."""
        self._tokenizer = tokenizer
        own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        self.eos_ids: tuple[int, ...] = tuple(dict.fromkeys([*own, *extra_eos_ids]))

    @cached_property
    def chat_template(self) -> str | None:
        """The chat template's source; of several by name, one after the other."""
        template: str | dict[str, str] | None = self._tokenizer.chat_template
        return "\n".join(template.values()) if isinstance(template, dict) else template

    @cached_property
    def declared_format(self) -> Mapping[str, object] | None:
        """The `thinking_format` entry of tokenizer_config.json."""
        entry: Mapping[str, object] | None = self._tokenizer.init_kwargs.get("thinking_format")
        return entry

    @cached_property
    def ignored_roles(self) -> tuple[str, ...]:
        """The `ignored_roles` entry of tokenizer_config.json."""
        return tuple(self._tokenizer.init_kwargs.get("ignored_roles", ()))

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """See `Tokenizer.control_tokens`."""
        template = self.chat_template or ""
        added = self._tokenizer.added_tokens_decoder.values()
        spelled = (token.content for token in added if token.special or token.content in template)
        # Vocabularies have plain words and white space as added tokens, too: a word of a text may stay what it is.
        return tuple(text for text in spelled if len(text) > 1 and not text[0].isalnum() and not text.isspace())

    @property
    def vocab_size(self) -> int:
        """See `Tokenizer.vocab_size`."""
        return len(self._tokenizer)

    @cached_property
    def vocabulary(self) -> Sequence[bytes]:
        """See `Tokenizer.vocabulary`."""
        return vocabulary_of(self._tokenizer)

    @cached_property
    def longest_token(self) -> int:
        """See `Tokenizer.longest_token`. Vocabularies spell a character that is no ASCII with one or more."""
        return max(map(len, self._vocabulary))

    def encode(self, text: str) -> list[int]:
        """See `Tokenizer.encode`."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode_pieces(self, pieces: Sequence[str]) -> list[int]:
        """See `Tokenizer.encode_pieces`."""
        if len(pieces) == 1:
            return self.encode(pieces[0])
        if self._backend is None:
            return [token for piece in pieces for token in self.encode(piece)]
        fence, separator, separating = self._separating_backend
        ids: list[int] = separating.encode(separator.join(pieces), add_special_tokens=False).ids
        return [token for token in ids if token != fence]

    def encode_whole(self, text: str) -> list[int]:
        """See `Tokenizer.encode_whole`."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=True)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        if self._backend is not None:
            text: str = self._backend.decode(list(ids), skip_special_tokens=False)
            return text
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def render_chat(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), variables: Mapping[str, object] = NO_VARIABLES
    ) -> str:
        """See `Tokenizer.render_chat`."""
        conversation: Any = [dict(message) for message in messages]
        definitions: Any = [dict(tool) for tool in tools] or None
        try:
            text = self._tokenizer.apply_chat_template(
                conversation, tools=definitions, tokenize=False, add_generation_prompt=True, **variables
            )
        except _failures_of_templates() as error:
            raise TemplateError(f"the model's chat template refuses this conversation: {error}") from error
        return str(text)

    def is_token(self, text: str) -> bool:
        """See `Tokenizer.is_token`."""
        return text in self._vocabulary

    @cached_property
    def _backend(self) -> Any:
        """The Rust tokenizer behind a fast one: its decode has a tenth of the overhead, and every token is decoded."""
        return getattr(self._tokenizer, "backend_tokenizer", None)

    @cached_property
    def _separating_backend(self) -> tuple[int, str, Any]:
        """A token that nobody can guess, its text, and a copy of the backend that has it beside all others."""
        from tokenizers import AddedToken, Tokenizer

        separating = Tokenizer.from_str(self._backend.to_str())
        separating.no_truncation()
        separating.no_padding()
        separator = secrets.token_hex(16)
        separating.add_special_tokens([AddedToken(separator, normalized=False, special=True)])
        (fence,) = separating.encode(separator, add_special_tokens=False).ids
        return fence, separator, separating

    @cached_property
    def _vocabulary(self) -> Mapping[str, int]:
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return vocabulary


def _failures_of_templates() -> tuple[type[Exception], ...]:
    """What the expressions of a template can raise over values that they were not written for."""
    import jinja2

    return (
        jinja2.TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    )
