"""Which engine rolls out for a TRL trainer: transformers, or vLLM (colocated or a server)."""

from typing import Any

from anytime_server.controller import ThinkingFormat
from anytime_training.rollouts.collector import Sampler


def sampler_of(trainer: Any, format: ThinkingFormat) -> Sampler:
    """The sampler that `trainer.args` asks for; it samples from the model that `trainer` trains, as it is now."""
    if not trainer.args.use_vllm:
        from anytime_training.rollouts.transformers_engine import TransformersSampler

        return TransformersSampler(trainer, format)
    from anytime_training.rollouts.vllm_engine import VLLMSampler
    from anytime_training.rollouts.vllm_server import VLLMServerSampler

    return (VLLMServerSampler if trainer.args.vllm_mode == "server" else VLLMSampler)(trainer, format)
