"""What the engine holds, from the statistics its scheduler sends after every step."""

from typing import TYPE_CHECKING

from vllm.v1.metrics.loggers import StatLoggerBase

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.metrics.stats import IterationStats, MultiModalCacheStats, SchedulerStats


class LoadLogger(StatLoggerBase):
    """Keeps the latest scheduler statistics of one engine core.

    An abort runs an empty step, so the last statistics of an idle core say that it is idle.
    """

    def __init__(self, vllm_config: "VllmConfig", engine_index: int = 0) -> None:
        """See `StatLoggerBase`."""
        self.steps = 0
        self.running = 0
        self.waiting = 0
        self.kv_in_use = 0.0

    def record(
        self,
        scheduler_stats: "SchedulerStats | None",
        iteration_stats: "IterationStats | None",
        mm_cache_stats: "MultiModalCacheStats | None" = None,
        engine_idx: int = 0,
    ) -> None:
        """See `StatLoggerBase`; called after every step."""
        self.steps += 1
        if scheduler_stats is not None:
            self.running = scheduler_stats.num_running_reqs
            self.waiting = scheduler_stats.num_waiting_reqs + scheduler_stats.num_skipped_waiting_reqs
            # Blocks that only the prefix cache keeps are free blocks to vLLM.
            self.kv_in_use = scheduler_stats.kv_cache_usage

    def log_engine_initialized(self) -> None:
        """See `StatLoggerBase`."""
