"""`anytime serve`. Nothing heavy is imported until the server starts."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class LogLevel(StrEnum):
    """uvicorn's levels."""

    critical = "critical"
    error = "error"
    warning = "warning"
    info = "info"
    debug = "debug"


OPTION_HELP = "the engine's own option, e.g. --engine-arg tensor_parallel_size=2 (JSON values); can be repeated"


def serve(
    model: Annotated[str, typer.Option(help="Hub id, local path, or anytime-tiny (embedded)")] = "anytime-tiny",
    engine: Annotated[str, typer.Option(help="auto, vllm or transformers")] = "auto",
    engine_arg: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help=OPTION_HELP)] = None,
    thinking_format: Annotated[str, typer.Option(help="auto, or a model family such as qwen3")] = "auto",
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    default_budget: Annotated[int, typer.Option(min=1, help="thinking tokens when a request names none")] = 2048,
    max_budget: Annotated[int | None, typer.Option(min=0, help="the most granted; default: what fits")] = None,
    max_answer_tokens: Annotated[int, typer.Option(min=1, help="of a full answer by default")] = 1024,
    landing: Annotated[int, typer.Option(min=0, help="cut at a sentence end this close to the budget")] = 0,
    max_sessions: Annotated[int, typer.Option(min=1, help="in flight; more get 429")] = 256,
    ttl: Annotated[float, typer.Option(min=0, help="seconds an ended session can be read")] = 3600,
    max_body_bytes: Annotated[int, typer.Option(min=1024, help="larger bodies get 413")] = 4 * 2**20,
    drain: Annotated[float, typer.Option(min=0, help="seconds sessions get to end on SIGTERM")] = 30,
    log_level: Annotated[LogLevel, typer.Option(help="of the server's own log")] = LogLevel.info,
) -> None:
    """Serve a reasoning model: POST /reason, and /docs for the rest."""
    from anytime_server.errors import AnytimeError
    from anytime_server.listening import check_free

    try:
        options = parse_options(engine_arg or [])
        check_free(host, port)
        from anytime_server.api import create_app
        from anytime_server.engines.choice import create_engine
        from anytime_server.reasoning import ReasonSettings
        from anytime_server.run import run

        settings = ReasonSettings(
            default_budget=default_budget,
            max_budget=max_budget,
            max_answer_tokens=max_answer_tokens,
            landing=landing,
            max_sessions=max_sessions,
            ttl_s=ttl,
        )
        app = create_app(
            create_engine(engine, model, options, sentence_ends=landing > 0),
            settings,
            thinking_format=thinking_format,
            max_body_bytes=max_body_bytes,
            drain_s=drain,
        )
        started = run(app, host=host, port=port, drain_s=drain, log_level=log_level.value)
    except (AnytimeError, ValueError) as error:
        typer.echo(f"anytime serve: {error}", err=True)
        raise typer.Exit(2) from error
    if not started:
        raise typer.Exit(1)


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
