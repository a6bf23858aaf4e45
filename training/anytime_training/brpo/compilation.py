"""flex_attention compiled for the shapes of a run's rows. Imports torch: import it where it is used."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_training.trees.flex import Shapes, compiling

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig

UNKNOWN_CONTEXT = 2**17
"""Tokens that a model is taken to have room for if it doesn't say."""


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
        shapes = Shapes(args.flex_step)
        context = getattr(config.get_text_config(), "max_position_embeddings", None) or UNKNOWN_CONTEXT
        longest = args.longest_row(context, len(format.closing_ids) + len(format.cue_ids))
        most = max(args.per_device_train_batch_size, args.per_device_eval_batch_size)
        return cls(shapes, shapes.count(longest, most))

    def __call__(self) -> AbstractContextManager[Any]:
        """The context of a step."""
        return compiling(self.count) if self.shapes else nullcontext()
