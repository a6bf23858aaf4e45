"""Whether transformers' continuous batching can run a model: it can't where the attention is not a plain one.

The class of a model tells some of it before the weights are loaded. A first request tells the rest.
Imports transformers where it is used.
"""

import logging

from anytime_server.engines.contract import Engine, EngineRequest, Sampling
from anytime_server.errors import EngineError

REMEDY = (
    "serve it with vLLM: --engine vllm, or --engine remote with the --engine-url of a vLLM server on another machine"
)


def check_class(source: str, name: str) -> None:
    """Check the class of the model `name`, by its config alone; `source` is what a user calls it.

    Raises:
        EngineError: if its attention is always its own. Some such models would compute, and never look at the cache.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    config = AutoConfig.from_pretrained(name)
    model_class = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if model_class is not None and not (model_class._supports_sdpa and model_class.is_backend_compatible()):
        raise unfit(source, config.model_type, "its attention can't be replaced by one with a shared cache")


async def check_steps(engine: Engine, source: str, model_type: str) -> None:
    """Check that a started engine can read a prompt, and go on after it unless the model ends there.

    Raises:
        EngineError: if it can't.
    """
    request = EngineRequest("first", (0, 0), 2, Sampling(temperature=0.0), logprobs=False)
    tracebacks = logging.getLogger("ContinuousBatchingLogger")
    tracebacks.disabled = True
    try:
        async for _ in engine.generate(request):
            pass
    except EngineError as error:
        raise unfit(source, model_type, f"its first steps fail: {error.message}") from error
    finally:
        tracebacks.disabled = False


def unfit(source: str, model_type: str, reason: str) -> EngineError:
    """Return the error that tells of such a model, and what to do."""
    return EngineError(
        f"transformers' continuous batching can't run {source!r}, a model of type {model_type!r} ({reason}); {REMEDY}"
    )
