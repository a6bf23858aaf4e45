"""The command. Nothing heavy is imported until the worker starts."""

import os
from typing import Annotated

import typer

from anytime_client.cli.variables import named_as_given
from anytime_server.cli import STALL_S, LogLevel
from anytime_server.logs import LogFormat, configure
from anytime_server.option_pairs import parse_options
from anytime_server.options import AllowUnauthenticated, EngineArgs, EngineName, Host, Model, Port, option


def worker(
    context: typer.Context,
    model: Model = "anytime-tiny",
    served_model_name: Annotated[
        str | None,
        option("SERVED_MODEL_NAME", "name to serve the model under; default: the Hub id, or a folder's name"),
    ] = None,
    engine: EngineName = "auto",
    engine_arg: EngineArgs = None,
    host: Host = "127.0.0.1",
    port: Port = 8001,
    allow_unauthenticated: AllowUnauthenticated = False,
    stall_s: Annotated[float, option("STALL_S", STALL_S, metavar="SECONDS", min=1)] = 120,
    max_body_bytes: Annotated[int, option("MAX_BODY_BYTES", "larger bodies get 413", min=1024)] = 16 * 2**20,
    drain: Annotated[float, option("DRAIN", "seconds requests get to end on SIGTERM", min=0)] = 5,
    log_level: Annotated[LogLevel, option("LOG_LEVEL", "of the worker's own log")] = LogLevel.info,
    log_format: Annotated[
        LogFormat, option("LOG_FORMAT", "a line of text or a JSON object per event")
    ] = LogFormat.text,
) -> None:
    """Generate for servers that run elsewhere: anytime serve --engine remote --engine-url http://HOST:8001.

    It serves vLLM's token-in/token-out route from any engine, and no sessions: raw generation, for private networks
    only. API keys are set as for anytime serve, by ANYTIME_API_KEYS or ANYTIME_API_KEYS_FILE. If the engine is lost for
    good, the worker ends with exit code 70, to be started again.
    """
    from anytime_server.errors import AnytimeError
    from anytime_server.listening import check_free

    try:
        options = parse_options(engine_arg or [])
        check_free(host, port)
        from anytime_server.api import ServerSettings
        from anytime_server.api.keys import keys_from
        from anytime_server.engines import Supervised
        from anytime_server.engines.choice import create_engine
        from anytime_server.engines.hub import look_up
        from anytime_server.worker.app import create_worker
        from anytime_server.worker.run import run

        if engine == "remote":
            raise ValueError("a worker generates by itself: choose --engine vllm or transformers")
        settings = ServerSettings(
            host=host,
            port=port,
            api_keys=keys_from(os.environ),
            allow_unauthenticated=allow_unauthenticated,
            max_body_bytes=max_body_bytes,
            drain_s=drain,
        )
        configure(log_format, log_level.value)
        look_up(model)
        # Any policy may come, with a landing window too.
        behind = create_engine(engine, model, options, sentence_ends=True, served_name=served_model_name)
        app = create_worker(Supervised(behind, stall_s), settings)
        started = run(app, settings)
    except (AnytimeError, ValueError) as error:
        typer.echo(f"anytime worker: {named_as_given(str(error), context)}", err=True)
        raise typer.Exit(2) from error
    if not started:
        raise typer.Exit(1)
