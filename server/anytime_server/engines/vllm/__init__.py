"""The vLLM engine: AsyncLLM in process, budgets enforced inside it by logits processors.

Importing this package imports neither vLLM nor torch; `engine` does. `BudgetLogitsProcessor` is what a server of vLLM's
own is started with (`--logits-processors anytime_server.engines.vllm:BudgetLogitsProcessor`); asking for it imports it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime_server.engines.vllm.processor import BudgetLogitsProcessor

__all__ = ["BudgetLogitsProcessor"]


def __getattr__(name: str) -> Any:
    """Import the logits processor when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anytime_server.engines.vllm.processor import BudgetLogitsProcessor

    return BudgetLogitsProcessor
