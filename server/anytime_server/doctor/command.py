"""The command. Nothing heavy is imported until a check needs it."""

import os
from typing import Annotated

import typer

from anytime_client.cli.variables import named_as_given
from anytime_server.option_pairs import parse_options
from anytime_server.options import AllowUnauthenticated, EngineArgs, EngineName, EngineUrls, Format, Host, Model, Port
from anytime_server.serving import flatten

DEFAULT_URL = "http://localhost:8000"


def doctor(
    context: typer.Context,
    model: Model = "anytime-tiny",
    engine: EngineName = "auto",
    engine_arg: EngineArgs = None,
    engine_url: EngineUrls = None,
    thinking_format: Format = "auto",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_unauthenticated: AllowUnauthenticated = False,
    base_url: Annotated[
        str | None, typer.Option(envvar="ANYTIME_BASE_URL", help=f"a server to look for (default: {DEFAULT_URL})")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="ANYTIME_API_KEY", help="key for that server")] = None,
    load: Annotated[bool, typer.Option(help="load the model and let it think for a moment")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document in place of lines")] = False,
) -> None:
    """Check what anytime serve needs: packages, GPU, engine, model, port.

    Takes the options of anytime serve. Exit code 0: it would work; 1: it would not, some check says fail.
    """
    from rich.console import Console

    from anytime_server.doctor.checks import Subject, run_checks
    from anytime_server.doctor.findings import Finding, worst
    from anytime_server.doctor.report import conclude, show, show_waiting, to_json
    from anytime_server.engines.remote.config import key_from
    from anytime_server.errors import AnytimeError

    try:
        options = parse_options(engine_arg or [])
        engine_key = key_from(os.environ)
    except (AnytimeError, ValueError) as error:
        raise typer.BadParameter(named_as_given(str(error), context)) from None
    subject = Subject(
        model=model,
        engine=engine,
        options=options,
        urls=flatten(engine_url),
        engine_key=engine_key,
        thinking_format=thinking_format,
        host=host,
        port=port,
        allow_unauthenticated=allow_unauthenticated,
        base_url=base_url or DEFAULT_URL,
        server_expected=bool(base_url),
        api_key=api_key,
        load=load,
    )
    console = Console()
    findings: list[Finding] = []
    for finding in show_waiting(run_checks(subject)):
        findings.append(finding)
        if not as_json:
            show(finding, console)
    if as_json:
        typer.echo(to_json(findings))
    else:
        conclude(findings, console)
    raise typer.Exit(1 if worst(findings) == "fail" else 0)
