"""A backward pass whose gradients only add up: nothing of it is logged, and no other process hears of it."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


@contextmanager
def adding_gradients(trainer: Any, model: Any) -> Iterator[dict[str, Any]]:
    """Let a forward and a backward pass of a TRL trainer go before the one that it logs and synchronises.

    Sharded gradients are still reduced, since whole ones would not fit.

    Yields:
        The options of `Accelerator.backward`.
    """
    accelerator = trainer.accelerator
    metrics, synchronised = trainer._metrics, accelerator.sync_gradients
    trainer._metrics = {mode: defaultdict(list) for mode in metrics}
    accelerator.gradient_state._set_sync_gradients(False)
    try:
        with nullcontext() if trainer.is_fsdp_enabled else accelerator.no_sync(model):
            yield {"scale_wrt_gas": False} if trainer.is_deepspeed_enabled else {}
    finally:
        trainer._metrics = metrics
        accelerator.gradient_state._set_sync_gradients(synchronised)
