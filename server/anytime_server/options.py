"""Options that `anytime serve` and `anytime doctor` share; each can also be set by an environment variable."""

from typing import Annotated, Any

import typer


def option(name: str, help: str, **more: Any) -> Any:
    """Return an option that can also be set by the environment variable ANYTIME_<name>."""
    return typer.Option(envvar=f"ANYTIME_{name}", help=help, **more)


ENGINE_ARG = "the engine's own option, e.g. --engine-arg tensor_parallel_size=2 (JSON values); can be repeated"

Model = Annotated[str, option("MODEL", "Hub id, local path, or anytime-tiny (embedded)")]
EngineName = Annotated[str, option("ENGINE", "auto, vllm, transformers or remote")]
ENGINE_URL = "a server for --engine remote: vLLM's or anytime worker, e.g. http://gpu1:8000; can be repeated"
EngineUrls = Annotated[list[str] | None, option("ENGINE_URLS", ENGINE_URL, metavar="URL")]
EngineArgs = Annotated[list[str] | None, option("ENGINE_ARGS", ENGINE_ARG, metavar="KEY=VALUE")]
FORMAT = 'auto, a model family such as qwen3, or its markers as JSON: {"open": "<think>", "close": "</think>"}'
Format = Annotated[str, option("THINKING_FORMAT", FORMAT)]
Host = Annotated[str, option("HOST", "address to listen on")]
Port = Annotated[int, option("PORT", "0 takes a free one", min=0, max=65535)]
AllowUnauthenticated = Annotated[
    bool, option("ALLOW_UNAUTHENTICATED", "without API keys, let everybody in who reaches --host")
]
