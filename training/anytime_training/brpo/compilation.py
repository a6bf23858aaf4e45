"""flex_attention compiled for the shapes of a run's rows. Imports torch: import it where it is used."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_training.trees.flex import Shapes, compiling

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig


@dataclass(frozen=True)
class Compilation:
    """The shapes that rows are padded to, None without flex_attention, and how many of them there may be.

    Calling it makes a context in which so many are compiled, backward passes included, and one more is an error.
    """

    shapes: Shapes | None = None
    count: int = 0

    @classmethod
    def of(cls, config: Any, format: ThinkingFormat, args: "BRPOConfig") -> "Compilation":
        """What a model with this configuration needs."""
        if config._attn_implementation != "flex_attention":
            return cls()
        context = getattr(config.get_text_config(), "max_position_embeddings", None)
        return cls(Shapes(args.flex_step), args.flex_shapes(context, format.forced_tokens))

    def __call__(self) -> AbstractContextManager[Any]:
        """The context of a step."""
        return compiling(self.count) if self.shapes else nullcontext()
