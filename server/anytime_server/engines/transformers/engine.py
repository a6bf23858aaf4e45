"""The transformers engine: one model under continuous batching, on CPU or GPU, in a thread of this process."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from anytime_server.engines.contract import Chunk, Engine, EngineLimits, EngineLoad, EngineRequest
from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer
from anytime_server.engines.hub import folder_or_id
from anytime_server.engines.sampling_defaults import default_sampling, end_ids
from anytime_server.engines.threads import to_its_end
from anytime_server.engines.transformers.fitness import check_class, check_steps
from anytime_server.errors import EngineDied, EngineError
from anytime_server.logs import take_over

if TYPE_CHECKING:
    from transformers.generation.continuous_batching.requests import GenerationOutput

    from anytime_server.engines.transformers.manager import Outputs, RowManager
    from anytime_server.engines.transformers.rows import Row

DTYPES = ("auto", "float32", "bfloat16", "float16")
CPU_KV_CACHE_GIB = 1.0
SMALL_PARAMETERS = 100_000_000
"""Below this a forward pass is too short to share among threads: handing it out costs more than it saves."""
STOP_TIMEOUT_S = 10.0
KILL_TIMEOUT_S = 0.5
"""To end within, for a thread that is not in a step that hangs."""


@dataclass(frozen=True, slots=True)
class TransformersConfig:
    """How the transformers engine runs.

    Attributes:
        dtype: of the weights; `auto` is the checkpoint's own on a GPU, and float32 on a CPU.
        device: where the model runs; None takes a GPU if there is one.
        page_size: tokens per KV page, the grain of prefix sharing.
        kv_cache_gib: memory for the KV cache on a CPU; on a GPU transformers takes what is free.
        max_batch_tokens: the most tokens of one forward pass.
        max_model_len: context to serve; None is the model's own.
        threads: CPU threads of torch in this process; None takes one for a small model, else torch's choice.
    """

    dtype: str = "auto"
    device: str | None = None
    page_size: int = 16
    kv_cache_gib: float = CPU_KV_CACHE_GIB
    max_batch_tokens: int = 512
    max_model_len: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check the values, which may come from a command line."""
        if self.dtype not in DTYPES:
            raise EngineError(f"dtype must be one of {', '.join(DTYPES)}, not {self.dtype!r}")
        for name, lowest in (("page_size", 4), ("max_batch_tokens", 1), ("max_model_len", 1), ("threads", 1)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < lowest):
                raise EngineError(f"{name} must be an integer >= {lowest}, not {value!r}")
        if not isinstance(self.kv_cache_gib, int | float) or self.kv_cache_gib <= 0:
            raise EngineError(f"kv_cache_gib must be a number above 0, not {self.kv_cache_gib!r}")


class TransformersEngine(Engine):
    """Serves a Hub id or a local path with transformers."""

    name = "transformers"
    queues = False
    unsupported: Mapping[str, str] = {
        "structured_outputs": "hold an answer to a schema or grammar: serve the model with --engine vllm, "
        "or ask for plain text and validate it"
    }

    def __init__(self, source: str, config: TransformersConfig | None = None, served_name: str | None = None) -> None:
        """Remember what to load (a Hub id or a local path) and the name to serve it under; `start` loads it."""
        self.model = served_name or source
        self._source = source
        self._config = config or TransformersConfig()
        self._manager: RowManager | None = None
        self._active: set[str] = set()

    async def start(self) -> None:
        """See `Engine.start`."""
        try:
            await to_its_end(partial(self._load, asyncio.get_running_loop()))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().replace("\n", " ")
            raise EngineError(f"can't load {self._source!r} (a Hub id or a local path?): {reason}") from error
        try:
            await check_steps(self, self._source, self._running_manager().model.config.model_type)
        except EngineError:
            await self.stop()
            raise

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar

        from anytime_server.engines.transformers import grouped_attention
        from anytime_server.engines.transformers.manager import RowManager

        device = self._config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = self._config.dtype
        if dtype == "auto" and device == "cpu":
            dtype = "float32"
        disable_progress_bar()
        take_over("ContinuousBatchingLogger")
        name = folder_or_id(self._source)
        check_class(self._source, name)
        tokenizer = auto_tokenizer(name)
        grouped_attention.install()
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, attn_implementation="sdpa").to(device)
        threads = self._config.threads or (1 if device == "cpu" and model.num_parameters() < SMALL_PARAMETERS else None)
        if threads is not None:
            torch.set_num_threads(threads)
        own = model.generation_config.to_diff_dict()
        self.tokenizer, self.default_sampling = HFTokenizer(tokenizer, end_ids(own)), default_sampling(own)
        context: int = model.config.get_text_config().max_position_embeddings
        context = min(self._config.max_model_len or context, context)
        # An error in a kernel leaves a GPU's context unusable for as long as the process lives.
        self.recovery = "restart" if model.device.type == "cpu" else "process"
        self._manager = RowManager(model, self._batching(model, device, context), loop)
        self._manager.start()
        # A request longer than the whole cache could never be scheduled.
        self.limits = EngineLimits(min(context, self._wait_for_cache()), self._config.page_size)

    def _wait_for_cache(self) -> int:
        """Wait until the manager's thread has allocated the KV cache; return how many tokens it holds."""
        manager = self._running_manager()
        while manager.batch_processor is None:
            time.sleep(0.01)
            self._running_manager()
        capacity: int = manager.batch_processor.cache.num_blocks * self._config.page_size
        return capacity

    def _batching(self, model: Any, device: str, context: int) -> Any:
        from transformers.generation.configuration_utils import ContinuousBatchingConfig

        return ContinuousBatchingConfig(
            page_size=self._config.page_size,
            num_blocks=self._cpu_blocks(model, context) if device == "cpu" else None,
            max_batch_tokens=self._config.max_batch_tokens if device == "cpu" else None,
            allow_block_sharing=True,
            # Rows are sampled on the host, one step at a time.
            use_async_batching=False,
            use_cuda_graph=False,
            # For the batch as a whole; a row that does not ask for them gets none.
            return_logprobs=True,
        )

    def _cpu_blocks(self, model: Any, context: int) -> int:
        """KV pages that fit the memory given; no more than 64 full contexts need, since CPU masks grow with them."""
        from transformers.generation.continuous_batching.utils import find_head_dim, find_num_key_value_heads

        text = model.config.get_text_config()
        heads, head_dim = find_num_key_value_heads(text), find_head_dim(text)
        token_bytes: int = 2 * text.num_hidden_layers * heads * head_dim * model.dtype.itemsize
        fitting = int(self._config.kv_cache_gib * 2**30) // (token_bytes * self._config.page_size)
        return min(fitting, 64 * context // self._config.page_size)

    async def stop(self) -> None:
        """See `Engine.stop`."""
        await self._stop(STOP_TIMEOUT_S)

    async def kill(self) -> None:
        """See `Engine.kill`. A thread in a step that hangs ends when that step does."""
        await self._stop(KILL_TIMEOUT_S)

    async def _stop(self, timeout_s: float) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.hang_up()
            await asyncio.to_thread(manager.stop, block=True, timeout=timeout_s, hard_stop=True)

    @property
    def steps(self) -> int:
        """See `Engine.steps`."""
        return self._manager.current_batch if self._manager else 0

    def load(self) -> EngineLoad:
        """See `Engine.load`."""
        processor = self._manager.batch_processor if self._manager else None
        if self._manager is None or processor is None or self._manager.ends:
            return EngineLoad(0, 0, 0.0)
        running = len(processor.scheduler.active_requests)
        return EngineLoad(running, max(0, len(self._active) - running), 1 - _free_share(processor.cache))

    async def check_health(self) -> None:
        """See `Engine.check_health`."""
        self._running_manager()

    def _running_manager(self) -> "RowManager":
        manager = self._manager
        if manager is None:
            raise EngineError("the engine is not running")
        if manager.ends:
            raise EngineDied(f"the engine has failed: {manager.failure or 'it is stopping'}")
        return manager

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        from anytime_server.engines.transformers.rows import Row

        manager = self._running_manager()
        outputs: Outputs = asyncio.Queue()
        rows = [Row(request, sample, manager.model.device) for sample in range(request.samples)]
        streams = [_SampleStream(request, sample, row, self.tokenizer.eos_ids) for sample, row in enumerate(rows)]
        manager.readers.add(outputs)
        try:
            for stream, row in zip(streams, rows, strict=True):
                self._active.add(stream.request_id)
                manager.register_result_handler(stream.request_id, partial(self._deliver, outputs, stream.sample))
                added = manager.add_request(
                    list(request.input_ids),
                    request_id=stream.request_id,
                    max_new_tokens=request.max_tokens,
                    streaming=True,
                    eos_token_id=list(self.tokenizer.eos_ids),
                    row=row,
                )
                if added is None:
                    raise EngineDied("the engine is stopping")
            while not all(stream.finished for stream in streams):
                came = await outputs.get()
                if came is None or (came[1].error is not None and manager.ends):
                    raise EngineDied(f"the engine was lost: {came[1].error if came else 'its thread has ended'}")
                sample, output = came
                yield streams[sample].chunk(output, manager.cached_tokens.get(output.request_id, 0))
        finally:
            manager.readers.discard(outputs)
            for stream, row in zip(streams, rows, strict=True):
                if not stream.finished:
                    row.cancelled = True
                    manager.cancel_request(stream.request_id)
                manager.forget(stream.request_id)
                self._active.discard(stream.request_id)

    def _deliver(self, outputs: "Outputs", sample: int, output: "GenerationOutput") -> None:
        if output.is_finished():
            # Whether or not its reader takes it in, the engine is done with it.
            self._active.discard(output.request_id)
        outputs.put_nowait((sample, output))


class _SampleStream:
    """Turns the growing outputs of one sample into chunks of what is new."""

    def __init__(self, request: EngineRequest, sample: int, row: "Row", eos_ids: tuple[int, ...]) -> None:
        self.sample = sample
        self._row = row
        self.request_id = f"{request.request_id}.{sample}"
        self.finished = False
        self._input_tokens = len(request.input_ids)
        self._eos_ids = eos_ids
        self._delivered = 0

    def chunk(self, output: "GenerationOutput", cached_tokens: int) -> Chunk:
        """Return what `output` adds to what was delivered before."""
        if (failure := self._row.failure or output.error) is not None:
            raise EngineError(f"the engine failed on this request: {failure}")
        first = self._delivered == 0
        new = tuple(output.generated_tokens[self._delivered :])
        logprobs = tuple(output.logprobs[self._delivered :]) if self._row.logprobs else ()
        alternatives = tuple(self._row.alternatives[self._delivered : self._delivered + len(new)])
        self._delivered += len(new)
        self.finished = output.is_finished()
        return Chunk(
            sample=self.sample,
            token_ids=new,
            logprobs=logprobs,
            finish_reason=self._finish_reason(output.generated_tokens),
            prompt_tokens=self._input_tokens if first else 0,
            cached_tokens=cached_tokens if first else 0,
            alternatives=alternatives,
        )

    def _finish_reason(self, generated: list[int]) -> Literal["stop", "length"] | None:
        if not self.finished:
            return None
        return "stop" if generated and generated[-1] in self._eos_ids else "length"


def _free_share(cache: Any) -> float:
    """Share of KV blocks that no request holds; blocks kept only for prefix sharing count as free."""
    total = free = 0
    for allocator in cache.cache_allocators.values():
        total += allocator.num_blocks
        held = {block for table in list(allocator.block_table.values()) for block in table}
        free += allocator.num_blocks - len(held)
    return free / total
