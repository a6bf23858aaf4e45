"""`anytime serve`. Nothing heavy is imported until the server starts."""

import json
import os
from enum import StrEnum
from typing import Annotated, Any

import typer

from anytime_server.logs import LogFormat, configure


class LogLevel(StrEnum):
    """uvicorn's levels."""

    critical = "critical"
    error = "error"
    warning = "warning"
    info = "info"
    debug = "debug"


ENGINE_ARG = "the engine's own option, e.g. --engine-arg tensor_parallel_size=2 (JSON values); can be repeated"
ALLOW_UNAUTHENTICATED = "without API keys, let everybody in who reaches --host"
ALLOWED_HOST = "without API keys, a name besides localhost that clients may call the server by; can be repeated"
CORS_ORIGIN = "origin whose web pages may use the API, e.g. https://example.com; can be repeated; default: none"
MAX_PROMPT_TOKENS = "longer prompts get 422; default: what fits"
LOG_PROMPTS = "also log questions, thinking and answers"


def _option(name: str, help: str, **more: Any) -> Any:
    """Return an option that can also be set by the environment variable ANYTIME_<name>."""
    return typer.Option(envvar=f"ANYTIME_{name}", help=help, **more)


def serve(
    model: Annotated[str, _option("MODEL", "Hub id, local path, or anytime-tiny (embedded)")] = "anytime-tiny",
    engine: Annotated[str, _option("ENGINE", "auto, vllm or transformers")] = "auto",
    engine_arg: Annotated[list[str] | None, _option("ENGINE_ARGS", ENGINE_ARG, metavar="KEY=VALUE")] = None,
    thinking_format: Annotated[str, _option("THINKING_FORMAT", "auto, or a model family such as qwen3")] = "auto",
    host: Annotated[str, _option("HOST", "address to listen on")] = "127.0.0.1",
    port: Annotated[int, _option("PORT", "0 takes a free one", min=0, max=65535)] = 8000,
    allow_unauthenticated: Annotated[bool, _option("ALLOW_UNAUTHENTICATED", ALLOW_UNAUTHENTICATED)] = False,
    allowed_host: Annotated[list[str] | None, _option("ALLOWED_HOSTS", ALLOWED_HOST, metavar="NAME")] = None,
    cors_origin: Annotated[list[str] | None, _option("CORS_ORIGINS", CORS_ORIGIN, metavar="ORIGIN")] = None,
    default_budget: Annotated[
        int, _option("DEFAULT_BUDGET", "thinking tokens when a request names none", min=1)
    ] = 2048,
    max_budget: Annotated[int | None, _option("MAX_BUDGET", "the most granted; default: what fits", min=0)] = None,
    max_answer_tokens: Annotated[int, _option("MAX_ANSWER_TOKENS", "of a full answer by default", min=1)] = 1024,
    max_prompt_tokens: Annotated[int | None, _option("MAX_PROMPT_TOKENS", MAX_PROMPT_TOKENS, min=1)] = None,
    landing: Annotated[int, _option("LANDING", "cut at a sentence end this close to the budget", min=0)] = 0,
    max_sessions: Annotated[int, _option("MAX_SESSIONS", "in flight; more get 429", min=1)] = 256,
    ttl: Annotated[float, _option("TTL", "seconds an ended session can be read", min=0)] = 3600,
    max_body_bytes: Annotated[int, _option("MAX_BODY_BYTES", "larger bodies get 413", min=1024)] = 4 * 2**20,
    drain: Annotated[float, _option("DRAIN", "seconds sessions get to end on SIGTERM", min=0)] = 30,
    log_level: Annotated[LogLevel, _option("LOG_LEVEL", "of the server's own log")] = LogLevel.info,
    log_format: Annotated[
        LogFormat, _option("LOG_FORMAT", "a line of text or a JSON object per event")
    ] = LogFormat.text,
    log_prompts: Annotated[bool, _option("LOG_PROMPTS", LOG_PROMPTS)] = False,
) -> None:
    """Serve a reasoning model: POST /reason, and /docs for the rest.

    API keys are set by ANYTIME_API_KEYS (several, separated by commas) or a file that ANYTIME_API_KEYS_FILE names
    (one a line), and sent as Authorization: Bearer KEY. Without keys the server listens on loopback addresses only.
    """
    from anytime_server.errors import AnytimeError

    try:
        options = parse_options(engine_arg or [])
        from anytime_server.api import ServerSettings, create_app
        from anytime_server.api.keys import keys_from
        from anytime_server.api.otel import tracing_from_environment

        server = ServerSettings(
            host=host,
            port=port,
            api_keys=keys_from(os.environ),
            allow_unauthenticated=allow_unauthenticated,
            allowed_hosts=flatten(allowed_host),
            cors_origins=flatten(cors_origin),
            max_body_bytes=max_body_bytes,
            drain_s=drain,
            log_prompts=log_prompts,
        )
        configure(log_format, log_level.value)
        from anytime_server.engines.choice import create_engine
        from anytime_server.reasoning import ReasonSettings
        from anytime_server.run import run

        settings = ReasonSettings(
            default_budget=default_budget,
            max_budget=max_budget,
            max_answer_tokens=max_answer_tokens,
            max_prompt_tokens=max_prompt_tokens,
            landing=landing,
            max_sessions=max_sessions,
            ttl_s=ttl,
        )
        app = create_app(
            create_engine(engine, model, options, sentence_ends=landing > 0),
            settings,
            server,
            thinking_format=thinking_format,
            tracing=tracing_from_environment(),
        )
        started = run(app, server)
    except (AnytimeError, ValueError) as error:
        typer.echo(f"anytime serve: {error}", err=True)
        raise typer.Exit(2) from error
    if not started:
        raise typer.Exit(1)


def flatten(values: list[str] | None) -> tuple[str, ...]:
    """Return the values of an option that can be repeated, each of which may hold several, separated by commas."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE pairs; a value that is not JSON is a string.

    Raises:
        ValueError: if a pair has no `=`.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, found, text = pair.partition("=")
        if not found or not key:
            raise ValueError(f"--engine-arg takes KEY=VALUE, not {pair!r}")
        try:
            options[key.strip().replace("-", "_")] = json.loads(text)
        except json.JSONDecodeError:
            options[key.strip().replace("-", "_")] = text
    return options
