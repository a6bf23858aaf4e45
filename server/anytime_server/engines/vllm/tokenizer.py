"""The tokenizer of a model that vLLM serves, in the server's process and in the workers'."""

from typing import TYPE_CHECKING

from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer

if TYPE_CHECKING:
    from vllm.config import ModelConfig


def load_tokenizer(model: "ModelConfig", extra_eos_ids: tuple[int, ...] = ()) -> HFTokenizer:
    """Load the tokenizer that `model` names; `extra_eos_ids` are those of the model's generation config."""
    tokenizer = auto_tokenizer(
        model.tokenizer, revision=model.tokenizer_revision, trust_remote_code=model.trust_remote_code
    )
    return HFTokenizer(tokenizer, extra_eos_ids)
