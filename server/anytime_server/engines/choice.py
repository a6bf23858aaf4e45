"""Which engine serves a model, and how it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anytime_server.engines.contract import Engine
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.supervision.stalls import STALL_S
from anytime_server.errors import EngineError

EMBEDDED = "anytime-tiny"
EMBEDDED_PATH = Path(__file__).parent.parent / "models" / EMBEDDED
NAMES = ("auto", "vllm", "transformers", "remote")


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine's name, and why it is this one."""

    engine: str
    reason: str


def choose(name: str, model: str) -> Choice:
    """Return which engine `name` means for `model`; asks torch for a GPU only where that decides.

    Raises:
        EngineError: if there is no such engine.
    """
    if name not in NAMES:
        raise EngineError(f"no engine {name!r}; choose one of {', '.join(NAMES)}")
    if name != "auto":
        return Choice(name, "asked for")
    if model == EMBEDDED:
        return Choice("transformers", "the embedded model is small, and this engine starts soonest")
    if not find_spec("vllm"):
        return Choice("transformers", "vLLM is not installed")
    if not _has_gpu():
        return Choice("transformers", "vLLM is installed, but torch sees no GPU")
    return Choice("vllm", "it is installed, and torch sees a GPU")


def locate(model: str) -> str:
    """Return what to load for `model`: a Hub id, a path or another address that the engine knows.

    Raises:
        EngineError: if it can only be a path (a Hub id is NAME or OWNER/NAME), and there is nothing.
    """
    if model == EMBEDDED:
        return str(EMBEDDED_PATH)
    only_a_path = model.startswith(("/", ".", "~")) or (model.count("/") > 1 and "://" not in model)
    if only_a_path and not Path(model).expanduser().exists():
        raise EngineError(f"there is no {model}; give a folder with a model, or a Hub id")
    return model


def name_of(model: str) -> str:
    """Return the name to serve `model` under: a folder's own name, without its path; else what it is given as."""
    path = Path(model).expanduser()
    return path.resolve().name if model != EMBEDDED and path.exists() else model


def create_engine(
    name: str,
    model: str,
    options: Mapping[str, Any] | None = None,
    *,
    sentence_ends: bool = False,
    served_name: str | None = None,
    urls: Sequence[str] = (),
    api_key: str | None = None,
    stall_s: float = STALL_S,
) -> Engine:
    """Return an engine for `model`, not started.

    Args:
        name: `vllm`, `transformers`, `remote`, or `auto`: vLLM where it is installed beside a GPU, else transformers.
            The embedded model takes transformers, unless another is asked for.
        model: a Hub id, a local path, or `anytime-tiny` for the embedded model; of a remote engine only its tokenizer
            is loaded.
        options: the engine's own: vLLM's AsyncEngineArgs, the fields of TransformersConfig, or those of RemoteConfig.
        served_name: the name to serve it under; None takes `name_of(model)`.
        sentence_ends: whether policies will have a landing window, which needs the ids that end a sentence.
        urls: the servers of a remote engine.
        api_key: for these servers.
        stall_s: seconds of silence after which one of them hangs.

    Raises:
        EngineError: if there is no such engine, it is not installed, or it does not know an option; if `model` is a
            path where there is nothing, or `urls` don't go with the engine.
    """
    engine, source = choose(name, model).engine, locate(model)
    served_name = served_name or name_of(model)
    if urls and engine != "remote":
        raise EngineError(f"--engine-url goes with --engine remote, not with {engine}")
    if engine == "remote":
        config = RemoteConfig.of(urls, options or {}, api_key, stall_s=stall_s)
        return _remote(source, served_name, config)
    if engine == "vllm":
        return _vllm(source, served_name, options or {}, sentence_ends)
    return _transformers(source, served_name, options or {})


def _vllm(source: str, served_name: str, options: Mapping[str, Any], sentence_ends: bool) -> Engine:
    if find_spec("vllm") is None:
        raise EngineError('vLLM is not installed: pip install "anytime-reasoning[vllm]", or use --engine transformers')
    from anytime_server.controller import sentence_end_ids
    from anytime_server.engines.vllm.engine import VLLMEngine

    return VLLMEngine(
        source, options, served_name=served_name, sentence_ends=sentence_end_ids if sentence_ends else None
    )


def _transformers(source: str, served_name: str, options: Mapping[str, Any]) -> Engine:
    from anytime_server.engines.transformers.engine import TransformersConfig, TransformersEngine

    known = {field.name for field in fields(TransformersConfig)}
    if unknown := set(options) - known:
        has_not, has = ", ".join(sorted(unknown)), ", ".join(sorted(known))
        raise EngineError(f"the transformers engine has no option {has_not}; it has {has}")
    return TransformersEngine(source, TransformersConfig(**options), served_name)


def _remote(source: str, served_name: str, config: RemoteConfig) -> Engine:
    from anytime_server.engines.remote.engine import RemoteEngine

    return RemoteEngine(source, config, served_name)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
