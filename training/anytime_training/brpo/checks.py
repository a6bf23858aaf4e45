"""What a model, its thinking format and a run's settings must have together, before anything is rolled out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_training.errors import TrainingError

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig

UNUSED = ("environment_factory", "rollout_func", "tools")


def check_arguments(arguments: Mapping[str, Any], args: "BRPOConfig") -> None:
    """Check the arguments of the trainer.

    Raises:
        TrainingError: naming those that BRPO's rollouts have no use for, or can't work with.
    """
    if unused := [name for name in UNUSED if arguments.get(name)]:
        raise TrainingError(f"{', '.join(unused)}: not used by BRPO's rollouts; leave it out")
    if args.dynamic_sample and not hasattr(arguments.get("train_dataset"), "__len__"):
        raise TrainingError("dynamic_sample draws fresh prompts by their place: give a data set that is no stream")


def check_model(config: Any, format: ThinkingFormat, args: "BRPOConfig", fsdp: bool) -> None:
    """Check that the model with this configuration can think in this format, up to the largest budget.

    Raises:
        TrainingError: naming what is in the way.
    """
    if fsdp and not args.use_vllm:
        raise TrainingError("transformers can't roll out with a model sharded by FSDP; set use_vllm")
    if format.tail_search is not None:
        raise TrainingError(
            "this family ends its thinking by headers that may call tools, and a rollout has none to call; train a "
            "model that wraps its thinking in two markers"
        )
    if args.use_transformers_continuous_batching and len(format.close_ids) != 1:
        raise TrainingError(
            f"the close marker {format.markers.close!r} is {len(format.close_ids)} tokens of this model, "
            "and continuous batching stops at one token: leave use_transformers_continuous_batching out"
        )
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    forced = len(format.closing_ids) + len(format.cue_ids)
    if context is not None and args.prompt_room(context, forced) <= 0:
        raise TrainingError(
            f"budgets: {args.budgets[-1]} thinking tokens, {forced} forced ones and an answer of "
            f"{args.interim_max_tokens} leave no room for a prompt in the model's context of {context}; "
            "lower the largest budget"
        )
