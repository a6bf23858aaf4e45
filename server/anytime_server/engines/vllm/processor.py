"""The one logits processor that a server of vLLM's own is started with, whichever model runner it has.

vLLM loads a processor by name and wants a subclass of its runner's interface. The two interfaces are made with
different arguments, so by these the class knows which of its two implementations to make.
"""

from typing import TYPE_CHECKING, Any

from vllm.v1.sample.logits_processor import LogitsProcessor as V1Interface
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as V2Interface

from anytime_server.controller import sentence_end_ids
from anytime_server.engines.vllm import v1, v2
from anytime_server.engines.vllm.tokenizer import load_tokenizer
from anytime_server.engines.vllm.wire import SENTENCE_ENDS

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams

V1_ARGUMENTS = ("device", "is_pin_memory")


class BudgetLogitsProcessor(V1Interface, V2Interface):
    """Enforces thinking policies: an instance is one of `v1` or of `v2`."""

    def __new__(cls, vllm_config: "VllmConfig", *arguments: Any) -> Any:
        """Make the implementation of the runner that asks: V1 gives a device and whether memory is pinned.

        Raises:
            EngineError: if the budget can't be enforced with the server's arguments.
        """
        from anytime_server.engines.vllm.arguments import refuse_conflicts

        is_v1 = len(arguments) == len(V1_ARGUMENTS)
        refuse_conflicts(vllm_config, v2=not is_v1)
        # An engine in process puts them there itself. Here nobody knows whether a request will have a landing window.
        if SENTENCE_ENDS not in vllm_config.additional_config:
            ends = sentence_end_ids(load_tokenizer(vllm_config.model_config))
            vllm_config.additional_config[SENTENCE_ENDS] = sorted(ends)
        implementation: Any = v1.BudgetLogitsProcessor if is_v1 else v2.BudgetLogitsProcessor
        return implementation(vllm_config, *arguments)

    @classmethod
    def validate_params(cls, sampling_params: "SamplingParams") -> None:
        """Raise ValueError for a malformed policy, or one too long for the device tables of `v2`.

        The server's front end asks before it is known which of the two will run.
        """
        v2.BudgetLogitsProcessor.validate_params(sampling_params)
