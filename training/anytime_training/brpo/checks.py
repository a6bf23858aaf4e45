"""What a model, its thinking format and a run's settings must have together, before anything is rolled out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_training.errors import TrainingError
from anytime_training.rollouts.kv_cache import attends_to_all

if TYPE_CHECKING:
    from anytime_training.brpo.config import BRPOConfig

ATTENTION = ("sdpa", "flex_attention")
"""Implementations of attention that a packed row's mask is made for."""

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


def check_experts(aux_loss_enabled: bool) -> None:
    """Check that TRL wants no load-balancing loss: models compute it for rows with a plain mask.

    Raises:
        TrainingError: if it does.
    """
    if aux_loss_enabled:
        raise TrainingError(
            "router_aux_loss_coef: the load-balancing loss of a mixture of experts can't be computed on packed rows; "
            "set it to 0"
        )


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
    if not attends_to_all(config):
        raise TrainingError(
            f"{config.model_type}: not all of its layers attend to all tokens (sliding windows, convolutions, linear "
            "attention), and a packed row keeps its branches apart by attention alone; train a model of full attention"
        )
    if config._attn_implementation not in ATTENTION:
        raise TrainingError(
            f"attn_implementation: {config._attn_implementation} does not take the masks of packed rows; "
            f"take {' or '.join(ATTENTION)}"
        )
    if args.use_transformers_continuous_batching and len(format.close_ids) != 1:
        raise TrainingError(
            f"the close marker {format.markers.close!r} is {len(format.close_ids)} tokens of this model, "
            "and continuous batching stops at one token: leave use_transformers_continuous_batching out"
        )
    if args.use_transformers_continuous_batching and (args.bf16 or args.fp16) and str(config.dtype) == "torch.float32":
        raise TrainingError(
            "use_transformers_continuous_batching: TRL would cast the float32 weights that are trained, and small "
            "updates would be lost in them; leave it out, or train with bf16 and fp16 off"
        )
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    forced = format.forced_tokens
    if context is not None and args.prompt_room(context, forced) <= 0:
        raise TrainingError(
            f"budgets: {args.budgets[-1]} thinking tokens, {forced} forced ones and an answer of "
            f"{args.interim_max_tokens} leave no room for a prompt in the model's context of {context}; "
            "lower the largest budget"
        )
