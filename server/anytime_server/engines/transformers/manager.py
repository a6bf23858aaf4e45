"""transformers' continuous batching manager with per-request rows and a count of cached prompt tokens."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessorList
from transformers.generation.continuous_batching.continuous_api import (
    ContinuousBatchingManager,
    ContinuousBatchProcessor,
)
from transformers.generation.continuous_batching.input_outputs import ContinuousBatchingIOs
from transformers.generation.continuous_batching.requests import GenerationOutput

from anytime_server.engines.transformers.row_attention import row_mask
from anytime_server.engines.transformers.rows import RowTracker

Outputs = asyncio.Queue[tuple[int, GenerationOutput] | None]
"""What came for the samples of one request; None once nothing more will come."""


class RowManager(ContinuousBatchingManager):
    """Runs every request under the `Row` given to `add_request(row=...)`.

    Who waits for outputs has a queue among its `readers`: it learns there that the manager's thread has ended, and what
    ended it is `failure`.
    """

    def __init__(
        self, model: PreTrainedModel, config: ContinuousBatchingConfig, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Prepare to serve `model` to readers on `loop`; the generation config is neutral, since rows decide."""
        super().__init__(model, GenerationConfig(do_sample=False, eos_token_id=-1), config)
        self._tracker = RowTracker()
        self.logit_processor = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([self._tracker]))
        self.logit_processor.tensors_required = 1
        self.cached_tokens: dict[str, int] = {}
        self.readers: set[Outputs] = set()
        self.current_batch = 0
        self.failure: Exception | None = None
        self._loop = loop

    @property
    def ends(self) -> bool:
        """Whether its thread has ended or is about to: by `stop`, or by an error that is not one request's."""
        return self.background_thread_status.can_accept_new_requests() is not None

    def start(self) -> None:
        """Start the thread. It does not hold up the end of the process: a step that hangs can't be ended."""
        self._generation_thread = threading.Thread(target=self._run_generation_loop, name="generation", daemon=True)
        self._generation_thread.start()

    def hang_up(self) -> None:
        """Tell all readers, in their loop, that nothing more will come."""
        for outputs in self.readers:
            outputs.put_nowait(None)

    def _run_generation_loop(self) -> None:
        try:
            super()._run_generation_loop()
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody reads
                self._loop.call_soon_threadsafe(self.hang_up)

    def _handle_critical_error(self, error: Exception, batch_processor: ContinuousBatchProcessor | None) -> None:
        self.failure = error  # transformers records it only after the readers have been told
        super()._handle_critical_error(error, batch_processor)

    def _create_batch_processor(self) -> ContinuousBatchProcessor:
        processor = super()._create_batch_processor()
        processor.model_runner._sample = self._tracker.sample
        if self.model.device.type == "cpu":
            attend_by_rows(processor.inputs_and_outputs)
        search = processor.cache.search_prefix_match

        def counting_search(request_id: str, prompt_ids: Sequence[int]) -> int:
            matched: int = search(request_id, prompt_ids)
            self.cached_tokens.setdefault(request_id, matched)
            return matched

        processor.cache.search_prefix_match = counting_search
        return processor

    def forget(self, request_id: str) -> None:
        """Drop what is kept about a request that has ended or was cancelled."""
        self.cached_tokens.pop(request_id, None)
        with self.output_router._lock:
            self.output_router.result_handlers.pop(request_id, None)


def attend_by_rows(batches: ContinuousBatchingIOs) -> None:
    """Give the model a `RowMask` of each batch in place of a mask over all of it, if all its attention is full."""
    if batches.config._attn_implementation != "sdpa" or list(batches.cache.cache_allocators) != ["full_attention"]:
        return
    batches.attention_mask = None
    page, dtype = batches.cache.cache_allocators["full_attention"].tokens_per_page, batches.model_dtype
    arguments = batches.get_model_kwargs

    def with_rows(use_padding: bool = False) -> dict[str, Any]:
        batch = arguments(use_padding)
        return {**batch, "attention_mask": row_mask(batch, page, dtype)}

    batches.get_model_kwargs = with_rows
