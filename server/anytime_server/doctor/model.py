"""The model and the engine that would serve it."""

from importlib.util import find_spec
from pathlib import Path

from anytime_server.controller import FormatError, check_format_name
from anytime_server.doctor.findings import Finding, failure
from anytime_server.doctor.machine import GIB, free_memory
from anytime_server.engines.choice import EMBEDDED, choose, locate
from anytime_server.errors import EngineError

WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")


def check_engine(engine: str, model: str) -> Finding:
    """Say which engine would serve the model, and why."""
    try:
        choice = choose(engine, model)
    except EngineError as error:
        return failure("engine", error)
    text = f"{choice.engine}: {choice.reason}"
    details = {"engine": choice.engine, "reason": choice.reason}
    if choice.engine == "vllm" and find_spec("vllm") is None:
        return Finding("engine", "fail", f"{text}, but not installed", 'pip install "anytime-reasoning[vllm]"', details)
    return Finding("engine", "ok", text, details=details)


def check_model(model: str, thinking_format: str = "auto", *, weights: bool = True) -> Finding:
    """Look for the model's files, without loading them, and whether its thinking format is one that is known.

    Without `weights` they are somewhere else, and it takes a tokenizer only.
    """
    try:
        check_format_name(thinking_format)
        source = locate(model)
    except (EngineError, FormatError) as error:
        return failure("model", error)
    path = Path(source).expanduser()
    if not path.exists():
        return _from_hub(model)
    if not weights:
        return Finding("model", "ok", f"the tokenizer of {model}", details={"path": str(path)})
    return _files(f"{EMBEDDED}, embedded" if model == EMBEDDED else str(path), path)


def _from_hub(model: str) -> Finding:
    if find_spec("huggingface_hub") is None:
        return Finding("model", "ok", f"{model}: a Hub id")
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model, "config.json"), str):
        return Finding("model", "ok", f"{model}: a Hub id, downloaded already")
    return Finding("model", "ok", f"{model}: a Hub id; loading it downloads it")


def _files(name: str, path: Path) -> Finding:
    files = [file for pattern in WEIGHTS for file in path.glob(pattern)] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    text = f"{name} ({size / GIB:.1f} GiB of weights)" if size > GIB / 10 else f"{name} ({size / 2**20:.1f} MiB)"
    details = {"path": str(path), "weight_bytes": size}
    if not size:
        return Finding("model", "fail", f"{name} holds no weights", "give a folder with a model, or a Hub id", details)
    free = free_memory()
    if free is not None and size > free:
        text = f"{text}, more than the {free / GIB:.1f} GiB of free memory"
        return Finding("model", "warning", text, "serve a smaller model, unless it is for a GPU", details)
    return Finding("model", "ok", text, details=details)
