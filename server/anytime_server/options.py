"""Options that `anytime serve` and `anytime doctor` share; each can also be set by an environment variable."""

from typing import Annotated, Any

import typer

PANELS = {
    "Model and engine": (
        "MODEL",
        "SERVED_MODEL_NAME",
        "ENGINE",
        "ENGINE_ARGS",
        "ENGINE_URLS",
        "THINKING_FORMAT",
        "TRUST_SPECIAL_TOKENS",
        "TOOL_CALL_PARSER",
        "STALL_S",
    ),
    "Address and access": ("HOST", "PORT", "OPEN", "ALLOW_UNAUTHENTICATED", "ALLOWED_HOSTS", "CORS_ORIGINS"),
    "Budgets and answers": ("DEFAULT_BUDGET", "MAX_BUDGET", "MAX_ANSWER_TOKENS", "LANDING", "EFFORT"),
    "For requests that don't say": ("CHECKPOINTS", "STOP_WHEN", "CALIBRATION", "DEADLINE_MS", "INTERIM"),
    "Limits": ("MAX_SESSIONS", "MAX_PROMPT_TOKENS", "MAX_BODY_BYTES", "SEND_TIMEOUT", "REQUEST_TIMEOUT"),
    "Load and fairness": (
        "ENGINE_SLOTS",
        "LOAD_AWARE",
        "LOAD_FLOOR",
        "TARGET_TOKENS_PER_SECOND",
        "CURVE",
        "FAIR_SHARE",
        "KEY_WEIGHTS",
    ),
    "Sessions": ("STORE", "LEASE_S", "TTL", "DRAIN"),
    "Log": ("LOG_LEVEL", "LOG_FORMAT", "LOG_PROMPTS"),
}
"""The panels of `--help`, and the options in each."""

PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
REPEATED = ("ARGS", "URLS", "HOSTS", "ORIGINS")
"""How the variables of some options that can be repeated end; without the S they are known too."""


def option(name: str, help: str, *declarations: str, **more: Any) -> Any:
    """Return an option that can also be set by the environment variable ANYTIME_<name>.

    Its variable has the option's name, so that help need not spell out every one.
    """
    names = [name, name.removesuffix("S")] if name.endswith(REPEATED) else [name]
    variables = [f"ANYTIME_{each}" for each in names]
    panel = PANEL_OF.get(name)
    return typer.Option(
        *declarations, envvar=variables, show_envvar=False, help=help, **{"rich_help_panel": panel, **more}
    )


ENGINE_ARG = "the engine's own option, e.g. --engine-arg tensor_parallel_size=2 (JSON values); can be repeated"

Model = Annotated[str, option("MODEL", "Hub id, local folder, or anytime-tiny (embedded)", metavar="NAME")]
EngineName = Annotated[str, option("ENGINE", "auto, vllm, transformers or remote", metavar="NAME")]
ENGINE_URL = "a server for --engine remote: vLLM's or anytime worker, e.g. http://gpu1:8000; can be repeated"
EngineUrls = Annotated[list[str] | None, option("ENGINE_URLS", ENGINE_URL, metavar="URL")]
EngineArgs = Annotated[list[str] | None, option("ENGINE_ARGS", ENGINE_ARG, metavar="KEY=VALUE")]
FORMAT = 'auto, a model family such as qwen3, or its markers as JSON: {"open": "<think>", "close": "</think>"}'
Format = Annotated[str, option("THINKING_FORMAT", FORMAT, metavar="FORMAT")]
Host = Annotated[str, option("HOST", "address to listen on", metavar="ADDRESS")]
Port = Annotated[int, option("PORT", "port to listen on; 0 takes a free one", min=0, max=65535)]
AllowUnauthenticated = Annotated[
    bool, option("ALLOW_UNAUTHENTICATED", "without API keys, let in everybody who reaches --host")
]
