"""The controller's tokenizer over a Hugging Face one."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anytime_server.controller import Message, TemplateError, Tool

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class HFTokenizer:
    """Adapts a fast transformers tokenizer; `extra_eos_ids` are those of the model's generation config."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", extra_eos_ids: Sequence[int] = ()) -> None:
        """Wrap `tokenizer`."""
        self._tokenizer = tokenizer
        own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        self.eos_ids: tuple[int, ...] = tuple(dict.fromkeys([*own, *extra_eos_ids]))

    @cached_property
    def chat_template(self) -> str | None:
        """The default chat template's source."""
        template = self._tokenizer.chat_template
        return template.get("default") if isinstance(template, dict) else template

    @cached_property
    def declared_format(self) -> Mapping[str, str] | None:
        """The `thinking_format` entry of tokenizer_config.json."""
        entry: Mapping[str, str] | None = self._tokenizer.init_kwargs.get("thinking_format")
        return entry

    @property
    def vocab_size(self) -> int:
        """See `Tokenizer.vocab_size`."""
        return len(self._tokenizer)

    @cached_property
    def longest_token(self) -> int:
        """See `Tokenizer.longest_token`. Vocabularies spell a character that is no ASCII with one or more."""
        return max(map(len, self._vocabulary))

    def encode(self, text: str) -> list[int]:
        """See `Tokenizer.encode`."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        if self._backend is not None:
            text: str = self._backend.decode(list(ids), skip_special_tokens=False)
            return text
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def render_chat(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """See `Tokenizer.render_chat`."""
        import jinja2

        conversation: Any = [dict(message) for message in messages]
        definitions: Any = [dict(tool) for tool in tools] or None
        try:
            text = self._tokenizer.apply_chat_template(
                conversation, tools=definitions, tokenize=False, add_generation_prompt=True, enable_thinking=True
            )
        except (jinja2.TemplateError, TypeError) as error:  # a TypeError where it adds up what is not text
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
    def _vocabulary(self) -> Mapping[str, int]:
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return vocabulary
