"""What the controller needs of a model's tokenizer."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

Message = Mapping[str, object]
"""A turn as chat templates read it: `role`, `content`, and where they apply `name`, `reasoning_content`, `tool_calls`
(their arguments as mappings) and `tool_call_id`."""

Tool = Mapping[str, object]
"""The definition of a tool as chat templates read it."""

NO_VARIABLES: Mapping[str, object] = MappingProxyType({})


class Tokenizer(Protocol):
    """Text to token ids and back, by the model's own tokenizer. Implementations are safe to call from any thread."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Token ids that end a generation, the tokenizer's first, then the model's generation config's."""

    @property
    def chat_template(self) -> str | None:
        """The chat template's source, or None if the model has none."""

    @property
    def declared_format(self) -> Mapping[str, object] | None:
        """The `thinking_format` entry of the tokenizer's config, if the model carries one."""

    @property
    def ignored_roles(self) -> tuple[str, ...]:
        """Roles that the model declares to have no use for: its chat template leaves out their messages by design."""

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """Texts that `encode` turns into tokens of control: special ones, and those that the chat template spells."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""

    @property
    def vocabulary(self) -> Sequence[bytes]:
        """By token id: the UTF-8 bytes that it adds to a text, which may be a part of a character."""

    @property
    def longest_token(self) -> int:
        """Characters of the longest token's text, or more: a text has at least a token for each so many."""

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; no special token is added, those spelled out in the text are recognised."""

    def encode_pieces(self, pieces: Sequence[str]) -> list[int]:
        """Token ids of the pieces' joined text; no token spans two pieces, else it is encoded as `encode` does."""

    def encode_whole(self, text: str) -> list[int]:
        """Token ids of `text` by itself, with the special tokens that the tokenizer begins and ends texts with."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`, special tokens included."""

    def render_chat(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), variables: Mapping[str, object] = NO_VARIABLES
    ) -> str:
        """The chat template over `messages`, `tools` and what else it reads, with the generation prompt.

        Raises:
            TemplateError: if the template refuses them.
        """

    def is_token(self, text: str) -> bool:
        """Whether `text` is one token of the vocabulary."""
