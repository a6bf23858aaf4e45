"""The vLLM engine behind the contract."""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from vllm.inputs import tokens_input
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.utils.async_utils import merge_async_iterators
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.loggers import PrometheusStatLogger
from vllm.v1.metrics.prometheus import get_prometheus_registry

from anytime_client.protocol import SEEDS, StructuredOutputs
from anytime_server.controller import BudgetPolicy, FormatError, ThinkingFormat, Tokenizer, mix
from anytime_server.controller.markers import THINK_TAGS
from anytime_server.engines.contract import PLAIN_FROM, Chunk, Engine, EngineLimits, EngineLoad, EngineRequest, Thinking
from anytime_server.engines.sampling_defaults import default_sampling, end_ids
from anytime_server.engines.threads import to_its_end
from anytime_server.engines.vllm.arguments import add_budget, engine_args
from anytime_server.engines.vllm.guard import start_guard, stop_guard
from anytime_server.engines.vllm.load import LoadLogger
from anytime_server.engines.vllm.outputs import chunk_of, translated
from anytime_server.engines.vllm.remains import Remains
from anytime_server.engines.vllm.structured import BACKEND, StructuredCheck, as_params
from anytime_server.engines.vllm.tokenizer import load_tokenizer
from anytime_server.engines.vllm.wire import WirePolicy
from anytime_server.errors import EngineError, InvalidRequest

if TYPE_CHECKING:
    import subprocess

    from vllm.config import VllmConfig

STOP_TIMEOUT_S = 15.0
"""Workers need some seconds to exit; after this they are killed."""

CORE_NAMES = ("EngineCore", "VLLM_DP_Coordinator")
"""How the names of vLLM's processes begin."""

SentenceEnds = Callable[[Tokenizer], Collection[int]]


class VLLMEngine(Engine):
    """Serves a model with AsyncLLM; the engine core and its workers are processes of their own."""

    name = "vllm"
    unsupported: Mapping[str, str] = {}

    def __init__(
        self,
        source: str,
        options: Mapping[str, Any] | None = None,
        sentence_ends: SentenceEnds | None = None,
        served_name: str | None = None,
    ) -> None:
        """Remember what to load; `start` loads it.

        Args:
            source: a Hub id or a local path.
            options: any of vLLM's AsyncEngineArgs, by name.
            sentence_ends: the ids that end a sentence, for policies with a landing window; the same for all requests.
            served_name: the name to serve it under; None takes `source`.
        """
        self.model = served_name or source
        self._source = source
        self._options = dict(options or {})
        self._sentence_ends = sentence_ends
        self._sentence_end_ids: frozenset[int] = frozenset()
        self._llm: AsyncLLM | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._remains: Remains | None = None
        self._draws_by_position = False
        self._by_priority = False
        self._loads: list[LoadLogger] = []
        self._structured: StructuredCheck | None = None

    async def start(self) -> None:
        """See `Engine.start`."""
        # As `vllm serve` does: a fork of a process that has asked torch for a GPU can't use it.
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        others = _cores()
        try:
            await to_its_end(partial(self._build, others), hurry=lambda: _kill(_cores() - others))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            self._clear()
            raise EngineError(f"vLLM can't load {self._source!r} (a Hub id or a local path?): {error}") from error
        await self._warm_up()

    async def _warm_up(self) -> None:
        """Run the sampling code once: parts of it are compiled, or loaded, when they are first used, for seconds."""
        thinking = None
        with suppress(FormatError):
            # Any markers will do; a tokenizer that can't spell these has others, and loads later.
            thinking = Thinking(BudgetPolicy(1), ThinkingFormat.from_markers(self.tokenizer, THINK_TAGS))
        request = EngineRequest("warm-up", self.tokenizer.eos_ids[:1] or (0,), max_tokens=2, thinking=thinking)
        async for _ in self._generate(request):
            pass

    def _build(self, others: set[BaseProcess]) -> None:
        # Its metrics are labelled with the name.
        options = {"served_model_name": self.model, **self._options}
        config = engine_args(self._source, options).create_engine_config()
        self._describe(config)
        add_budget(config, self._sentence_end_ids)
        if config.structured_outputs_config.backend == "auto":
            config.structured_outputs_config.backend = BACKEND
        self._structured = StructuredCheck(config, self.tokenizer)
        quiet = bool(self._options.get("disable_log_stats", True))
        self._remains = Remains()
        with self._remains.sockets_here():
            llm = AsyncLLM.from_vllm_config(config, stat_loggers=[self._new_load], disable_log_stats=quiet)
        if quiet and llm.logger_manager is not None:
            # vLLM adds its Prometheus metrics to every engine with a logger: work per token that no one reads here.
            loggers = llm.logger_manager.stat_loggers
            llm.logger_manager.stat_loggers = [one for one in loggers if not isinstance(one, PrometheusStatLogger)]
        else:
            self.registries = (get_prometheus_registry(),)
        pids = [child.pid for child in _cores() - others if child.pid is not None]
        self._guard = start_guard(pids)
        self._remains.note(pids)
        self.limits = EngineLimits(config.model_config.max_model_len, config.cache_config.block_size)
        self.plain_from = PLAIN_FROM if config.cache_config.enable_prefix_caching else None
        self._draws_by_position = config.use_v2_model_runner
        self._by_priority = config.scheduler_config.policy == "priority"
        self._llm = llm

    def _describe(self, config: "VllmConfig") -> None:
        model = config.model_config
        generation = model.try_get_generation_config() | model.override_generation_config
        self.tokenizer = load_tokenizer(model, end_ids(generation))
        self.default_sampling = default_sampling(generation)
        if self._sentence_ends is not None:
            self._sentence_end_ids = frozenset(self._sentence_ends(self.tokenizer))

    def _new_load(self, config: "VllmConfig", engine_index: int) -> LoadLogger:
        load = LoadLogger(config, engine_index)
        self._loads.append(load)
        return load

    async def stop(self) -> None:
        """See `Engine.stop`."""
        await self._stop(kill=False)

    async def kill(self) -> None:
        """See `Engine.kill`."""
        await self._stop(kill=True)

    async def _stop(self, *, kill: bool) -> None:
        llm, self._llm = self._llm, None
        if llm is not None:
            # Shutting down wakes no one who waits for tokens, and looks like a crash to the output handler.
            llm.output_processor.propagate_error(EngineDeadError())
            if llm.output_handler is not None:
                llm.output_handler.cancel()
            if kill and self._remains is not None:
                # Said beforehand, it is no accident to vLLM, which would warn of one.
                llm.engine_core.resources.engine_dead = True
                self._remains.kill()
            await asyncio.to_thread(llm.shutdown, STOP_TIMEOUT_S)
        self._clear()

    def _clear(self) -> None:
        """Let go of all that belongs to a core that has ended, or never began."""
        stop_guard(self._guard)
        self._guard = None
        self._loads.clear()
        if self._structured is not None:
            self._structured.close()
            self._structured = None
        if self._remains is not None:
            self._remains.clear()
            self._remains = None

    @property
    def steps(self) -> int:
        """See `Engine.steps`."""
        return sum(load.steps for load in self._loads)

    def load(self) -> EngineLoad:
        """See `Engine.load`; under data parallelism the sum, and the mean of the KV shares."""
        if self._llm is None or not self._loads or self._llm.errored:
            return EngineLoad(0, 0, 0.0)
        running = sum(load.running for load in self._loads)
        # Requests on their way to the scheduler wait too.
        waiting = max(sum(load.waiting for load in self._loads), self._llm.get_num_unfinished_requests() - running)
        return EngineLoad(running, waiting, sum(load.kv_in_use for load in self._loads) / len(self._loads))

    async def check_health(self) -> None:
        """See `Engine.check_health`."""
        llm = self._running()
        with translated(llm):
            await llm.check_health()

    def check_structured(self, wanted: StructuredOutputs) -> None:
        """See `Engine.check_structured`."""
        if self._structured is None:
            raise EngineError("the engine is not running")
        self._structured.check(wanted)

    def _running(self) -> AsyncLLM:
        if self._llm is None:
            raise EngineError("the engine is not running")
        return self._llm

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        llm = self._running()
        # One request per sample rather than vLLM's `n`: its merged outputs keep the cached tokens of one sample only.
        ids = [f"{request.request_id}.{sample}" for sample in range(request.samples)]
        prompt = tokens_input(list(request.input_ids))
        streams = [
            llm.generate(prompt, self._params(request, sample), id, priority=self._priority(request))
            for sample, id in enumerate(ids)
        ]
        started: set[int] = set()
        finished: set[int] = set()
        try:
            with translated(llm):
                async with aclosing(merge_async_iterators(*streams)) as outputs:
                    async for sample, output in outputs:
                        chunk = chunk_of(request, sample, output, first=sample not in started)
                        started.add(sample)
                        if output.finished:
                            finished.add(sample)
                        yield chunk
        finally:
            if len(finished) < len(ids) and self._llm is not None and not llm.errored:
                await llm.abort(ids)

    def _priority(self, request: EngineRequest) -> int:
        """Of a request in vLLM's queue, which refuses any where it is not told to go by them."""
        return request.priority if self._by_priority else 0

    def _params(self, request: EngineRequest, sample: int) -> SamplingParams:
        sampling, thinking = request.sampling, request.thinking
        if thinking and thinking.policy.landing and thinking.policy.sentence_end_ids != self._sentence_end_ids:
            raise InvalidRequest("a landing window needs the sentence ends that the engine was started with")
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=1.0 if sampling.top_p is None else sampling.top_p,
            top_k=sampling.top_k or 0,
            min_p=sampling.min_p or 0.0,
            seed=None if sampling.seed is None else self._seed(sampling.seed + sample, request),
            max_tokens=request.max_tokens,
            # The end-of-sequence ids are the format's, not vLLM's reading of the model's config.
            ignore_eos=True,
            stop_token_ids=list(thinking.format.eos_ids if thinking else self.tokenizer.eos_ids),
            logprobs=request.top_logprobs if request.logprobs else None,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args=WirePolicy.of(thinking).dump() if thinking else None,
            structured_outputs=as_params(request.structured) if request.structured else None,
        )

    def _seed(self, seed: int, request: EngineRequest) -> int:
        """The seed as vLLM takes it: its V1 model runner would draw the same again in each request of a session."""
        return seed % SEEDS if self._draws_by_position else mix(seed, len(request.input_ids))


def _cores() -> set[BaseProcess]:
    """Return vLLM's processes among this one's children; others come and go meanwhile."""
    return {child for child in multiprocessing.active_children() if child.name.startswith(CORE_NAMES)}


def _kill(processes: Collection[BaseProcess]) -> None:
    for process in processes:
        process.kill()
