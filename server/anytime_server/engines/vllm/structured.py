"""Structured outputs are compiled before a request starts, as the engine will compile them."""

import re
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import xgrammar
from vllm.exceptions import VLLMClientError
from vllm.sampling_params import SamplingParams, StructuredOutputsParams
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.structured_output.backend_guidance import GuidanceBackend, GuidanceGrammar
from vllm.v1.structured_output.backend_types import StructuredOutputBackend, StructuredOutputOptions
from vllm.v1.structured_output.backend_xgrammar import XgrammarBackend
from vllm.v1.structured_output.request import get_structured_output_key
from vllm.v1.structured_output.utils import grammar_is_likely_lark

from anytime_client.protocol import StructuredOutputs
from anytime_server.controller import Tokenizer
from anytime_server.engines.structured import Accepted, field_of
from anytime_server.engines.vllm.compiling import COMPILE_TIMEOUT_S, Compiler, TooLong
from anytime_server.engines.vllm.grammar import UnreadableGrammar, produces
from anytime_server.engines.vllm.spelling import Spelling
from anytime_server.errors import InvalidRequest

if TYPE_CHECKING:
    from vllm.config import VllmConfig

BACKEND = "xgrammar"
"""Compiles for all requests, unless the server is told another. With vLLM's `auto` the first request decides for which
backend all later ones are compiled, and what that one can't enforce of them it leaves out in silence."""

COMPILE_ERRORS = (VLLMClientError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What vLLM and the libraries raise on what they can't compile."""

NO_TEXT = "no text of this model's vocabulary matches it to its end"

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


class StructuredCheck:
    """Compiles what answers are to be held to, and remembers what compiled. Safe in any thread."""

    def __init__(self, config: "VllmConfig", tokenizer: Tokenizer) -> None:
        """Check for an engine of this config; nothing is loaded before the first check."""
        self._config = config
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._accepted = Accepted()
        self._backend: StructuredOutputBackend | None = None
        self._compiler: Compiler | None = None

    def check(self, wanted: StructuredOutputs) -> None:
        """Compile `wanted`, unless it is known to compile.

        Raises:
            InvalidRequest: if it does not compile, takes too long to, or can't be spelled.
            EngineError: if nothing can be compiled.
        """
        if self._accepted.knows(wanted):
            return
        for choice in wanted.choice or ():
            if not self._spelling.spells(choice):
                raise _refused(wanted, f"the model's vocabulary can't spell {choice!r}; leave it out")
        try:
            self._compile(self._verified(wanted))
        except TooLong as error:
            message = f"it takes more than {COMPILE_TIMEOUT_S:.0f} seconds to compile; simplify it"
            raise _refused(wanted, message) from error
        except COMPILE_ERRORS as error:
            raise _refused(wanted, f"it can't be compiled: {_reason(error)}; correct it") from error
        self._accepted.add(wanted)

    def close(self) -> None:
        """Compile nothing more."""
        if self._compiler is not None:
            self._compiler.close()

    def _verified(self, wanted: StructuredOutputs) -> StructuredOutputsParams:
        """Return what vLLM makes of `wanted` for its backend: a choice becomes a grammar."""
        params = SamplingParams(structured_outputs=as_params(wanted))
        config = self._config
        tokenizer = cached_tokenizer_from_config(config.model_config)
        params.verify(config.model_config, config.speculative_config, config.structured_outputs_config, tokenizer)
        assert params.structured_outputs is not None
        return params.structured_outputs

    def _compile(self, params: StructuredOutputsParams) -> None:
        kind, spec = get_structured_output_key(params)
        backend = self._load(params._backend or BACKEND)
        if self._compiler is None:
            _compile_here(backend, kind, spec, set(self._tokenizer.eos_ids))
            return
        grammar = self._grammar(kind, spec)
        if not self._produces(grammar):
            raise ValueError(NO_TEXT)
        self._compiler.compile(grammar.serialize_json())

    def _load(self, name: str) -> StructuredOutputBackend:
        """Return the backend, of which an engine has one, and with xgrammar start what compiles for it."""
        with self._lock:
            if self._backend is None:
                tokenizer = cached_tokenizer_from_config(self._config.model_config)
                size = self._config.model_config.get_vocab_size()
                backend = _backend_class(name)(self._config, tokenizer=tokenizer, vocab_size=size)
                if isinstance(backend, XgrammarBackend):
                    compiled = backend.compiler.compile_grammar('root ::= "a"')
                    self._compiler = Compiler(compiled.tokenizer_info.serialize_json())
                self._backend = backend
            return self._backend

    def _grammar(self, kind: StructuredOutputOptions, spec: str) -> Any:
        """Return xgrammar's grammar, as vLLM's backend reads it."""
        match kind:
            case StructuredOutputOptions.REGEX:
                return xgrammar.Grammar.from_regex(spec)
            case StructuredOutputOptions.GRAMMAR if grammar_is_likely_lark(spec):
                return xgrammar.Grammar.from_lark(spec)
            case StructuredOutputOptions.GRAMMAR:
                return xgrammar.Grammar.from_ebnf(spec)
        tight = self._config.structured_outputs_config.disable_any_whitespace
        schema = '{"type": "object"}' if kind is StructuredOutputOptions.JSON_OBJECT else spec
        separators = (",", ":") if tight else None
        return xgrammar.Grammar.from_json_schema(schema, any_whitespace=not tight, separators=separators)

    def _produces(self, grammar: Any) -> bool:
        """Return whether some text of the vocabulary is complete, as far as that can be told."""
        try:
            return produces(str(grammar), self._spelling.alphabet)
        except UnreadableGrammar:
            return True

    @cached_property
    def _spelling(self) -> Spelling:
        control = [text.encode() for text in self._tokenizer.control_tokens]
        return Spelling(self._tokenizer.vocabulary, control)


def _refused(wanted: StructuredOutputs, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=field_of(wanted))


def _compile_here(
    backend: StructuredOutputBackend, kind: StructuredOutputOptions, spec: str, eos_ids: set[int]
) -> None:
    """Compile in this thread, for backends that compile little before they generate; some token must come first."""
    grammar = backend.compile_grammar(kind, spec, eos_ids)
    if isinstance(grammar, GuidanceGrammar) and (error := grammar.ll_matcher.get_error()):
        raise ValueError(error)
    allowed = backend.allocate_token_bitmask(1)
    allowed.zero_()
    grammar.fill_bitmask(allowed, 0)
    if not allowed.any():
        raise ValueError(NO_TEXT)


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
