"""Structured outputs are compiled in the server's process before a request starts, as the engine will compile them."""

import re
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vllm.exceptions import VLLMClientError
from vllm.sampling_params import SamplingParams, StructuredOutputsParams
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.structured_output.backend_guidance import GuidanceBackend, GuidanceGrammar
from vllm.v1.structured_output.backend_types import StructuredOutputBackend, StructuredOutputGrammar
from vllm.v1.structured_output.backend_xgrammar import XgrammarBackend, XgrammarGrammar
from vllm.v1.structured_output.request import get_structured_output_key

from anytime_client.protocol import StructuredOutputs
from anytime_server.controller import Tokenizer
from anytime_server.engines.vllm.grammar import UnreadableGrammar, produces
from anytime_server.engines.vllm.spelling import Spelling
from anytime_server.errors import InvalidRequest, Overloaded

if TYPE_CHECKING:
    from vllm.config import VllmConfig

BACKEND = "xgrammar"
"""Compiles for all requests, unless the server is told another. With vLLM's `auto` the first request decides for which
backend all later ones are compiled, and what that one can't enforce of them it leaves out in silence."""

COMPILE_TIMEOUT_S = 10.0
"""How long one may take to compile. A compilation can't be stopped: past this it holds its thread, and no request."""

COMPILING = 2
"""Compilations at once."""

KEPT = 256
"""How many of those that compiled are remembered."""

COMPILE_ERRORS = (VLLMClientError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What vLLM and the libraries raise on what they can't compile."""

_SOURCE_LINE = re.compile(r"^(\[[\d:]+\] )?\S+\.(cc|cpp|h):\d+: ")


def as_params(wanted: StructuredOutputs) -> StructuredOutputsParams:
    """Return `wanted` as vLLM takes it."""
    return StructuredOutputsParams(
        json=wanted.json_schema,
        json_object=wanted.json_object,
        regex=wanted.regex,
        choice=wanted.choice,
        grammar=wanted.grammar,
    )


def field_of(wanted: StructuredOutputs) -> str:
    """Return the name of the field that is set."""
    (name,) = wanted.model_dump(exclude_unset=True)
    return f"structured_outputs.{name}"


class StructuredCheck:
    """Compiles what answers are to be held to, in a few threads, and remembers what compiled. Safe in any thread."""

    def __init__(self, config: "VllmConfig", tokenizer: Tokenizer) -> None:
        """Check for an engine of this config; nothing is loaded before the first check."""
        self._config = config
        self._tokenizer = tokenizer
        self._threads = ThreadPoolExecutor(COMPILING, thread_name_prefix="grammars")
        self._free = threading.Semaphore(COMPILING)
        self._lock = threading.Lock()
        self._accepted: OrderedDict[str, None] = OrderedDict()
        self._backends: dict[str, StructuredOutputBackend] = {}

    def check(self, wanted: StructuredOutputs) -> None:
        """Compile `wanted`, unless it is known to compile.

        Raises:
            InvalidRequest: if it does not compile, takes too long to, or can't be spelled.
            Overloaded: if what else is being compiled holds all threads.
        """
        key = wanted.model_dump_json(exclude_unset=True)
        if self._is_accepted(key):
            return
        if not self._free.acquire(timeout=COMPILE_TIMEOUT_S):
            raise Overloaded("other structured outputs are being compiled; retry", retry_after=1)
        compiled = self._threads.submit(self._compile, wanted)
        compiled.add_done_callback(self._release)
        try:
            refusal = compiled.result(timeout=COMPILE_TIMEOUT_S)
        except TimeoutError:
            refusal = f"it takes more than {COMPILE_TIMEOUT_S:.0f} s to compile; simplify it"
        if refusal is not None:
            raise InvalidRequest(refusal, param=field_of(wanted))
        self._accept(key)

    def close(self) -> None:
        """Compile nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _release(self, _: Future[str | None]) -> None:
        self._free.release()

    def _is_accepted(self, key: str) -> bool:
        with self._lock:
            if key in self._accepted:
                self._accepted.move_to_end(key)
            return key in self._accepted

    def _accept(self, key: str) -> None:
        with self._lock:
            self._accepted[key] = None
            while len(self._accepted) > KEPT:
                self._accepted.popitem(last=False)

    def _compile(self, wanted: StructuredOutputs) -> str | None:
        """Return why `wanted` can't be had, if it can't."""
        for choice in wanted.choice or ():
            if not self._spelling.spells(choice):
                return f"the model's vocabulary can't spell {choice!r}; leave it out"
        try:
            backend, grammar = self._grammar(wanted)
        except COMPILE_ERRORS as error:
            return f"it can't be compiled: {_reason(error)}; correct it"
        if not self._begins(backend, grammar) or not self._ends(grammar):
            return "no text of this model's vocabulary matches it to its end; write one that some text matches"
        return None

    def _grammar(self, wanted: StructuredOutputs) -> tuple[StructuredOutputBackend, StructuredOutputGrammar]:
        params = SamplingParams(structured_outputs=as_params(wanted))
        config = self._config
        tokenizer = cached_tokenizer_from_config(config.model_config)
        params.verify(config.model_config, config.speculative_config, config.structured_outputs_config, tokenizer)
        outputs = params.structured_outputs
        assert outputs is not None
        backend = self._backend(outputs._backend or BACKEND, tokenizer)
        grammar = backend.compile_grammar(*get_structured_output_key(outputs), set(self._tokenizer.eos_ids))
        if isinstance(backend, XgrammarBackend):
            # The engine has a cache of its own; here the verdict is kept, and not the grammar.
            backend.compiler.clear_cache()
        if isinstance(grammar, GuidanceGrammar) and (error := grammar.ll_matcher.get_error()):
            raise ValueError(error)
        return backend, grammar

    def _backend(self, name: str, tokenizer: Any) -> StructuredOutputBackend:
        with self._lock:
            if name not in self._backends:
                size = self._config.model_config.get_vocab_size()
                self._backends[name] = _backend_class(name)(self._config, tokenizer=tokenizer, vocab_size=size)
            return self._backends[name]

    @staticmethod
    def _begins(backend: StructuredOutputBackend, grammar: StructuredOutputGrammar) -> bool:
        """Return whether some token may come first."""
        allowed = backend.allocate_token_bitmask(1)
        allowed.zero_()
        grammar.fill_bitmask(allowed, 0)
        return bool(allowed.any())

    def _ends(self, grammar: StructuredOutputGrammar) -> bool:
        """Return whether some text of the vocabulary is complete, as far as that can be told."""
        if not isinstance(grammar, XgrammarGrammar):
            return True
        try:
            return produces(str(grammar.ctx.grammar), self._spelling.alphabet)
        except UnreadableGrammar:
            return True

    @cached_property
    def _spelling(self) -> Spelling:
        control = [text.encode() for text in self._tokenizer.control_tokens]
        return Spelling(self._tokenizer.vocabulary, control)


def _backend_class(name: str) -> Any:
    match name:
        case "guidance":
            return GuidanceBackend
        case "outlines":
            from vllm.v1.structured_output.backend_outlines import OutlinesBackend

            return OutlinesBackend
        case "lm-format-enforcer":
            from vllm.v1.structured_output.backend_lm_format_enforcer import LMFormatEnforcerBackend

            return LMFormatEnforcerBackend
    return XgrammarBackend


def _reason(error: BaseException) -> str:
    """Return the library's own words: the first cause, without the place in its source."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _SOURCE_LINE.sub("", lines[0]).strip().rstrip(".")
