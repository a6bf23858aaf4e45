"""What the controller needs of a model's tokenizer."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Message = Mapping[str, object]
"""A turn as chat templates read it: `role`, `content`, and where they apply `name`, `reasoning_content`, `tool_calls`
(their arguments as mappings) and `tool_call_id`."""

Tool = Mapping[str, object]
"""The definition of a tool as chat templates read it."""


class Tokenizer(Protocol):
    """Text to token ids and back, by the model's own tokenizer. Implementations are safe to call from any thread."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Token ids that end a generation, the tokenizer's first, then the model's generation config's."""

    @property
    def chat_template(self) -> str | None:
        """The chat template's source, or None if the model has none."""

    @property
    def declared_format(self) -> Mapping[str, str] | None:
        """The `thinking_format` entry of the tokenizer's config, if the model carries one."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""

    @property
    def longest_token(self) -> int:
        """Characters of the longest token's text, or more: a text has at least a token for each so many."""

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; no special token is added, those spelled out in the text are recognised."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`, special tokens included."""

    def render_chat(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """The chat template over `messages` and `tools`, with the generation prompt, thinking switched on.

        Raises:
            TemplateError: if the template refuses them.
        """

    def is_token(self, text: str) -> bool:
        """Whether `text` is one token of the vocabulary."""
