"""The command. Nothing heavy is imported until a check needs it."""

from typing import Annotated

import typer

from anytime_server.cli import OPTION_HELP, parse_options

DEFAULT_URL = "http://localhost:8000"


def doctor(
    model: Annotated[str, typer.Option(help="the model that would be served")] = "anytime-tiny",
    engine: Annotated[str, typer.Option(help="auto, vllm or transformers")] = "auto",
    engine_arg: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help=OPTION_HELP)] = None,
    thinking_format: Annotated[str, typer.Option(help="auto, or a model family such as qwen3")] = "auto",
    host: Annotated[str, typer.Option(help="address that would be listened on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port that would be listened on")] = 8000,
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
    from anytime_server.doctor.findings import worst
    from anytime_server.doctor.report import conclude, show, to_json

    try:
        options = parse_options(engine_arg or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    url = (base_url or DEFAULT_URL).rstrip("/")
    subject = Subject(model, engine, options, thinking_format, host, port, url, bool(base_url), api_key, load)
    console = Console()
    findings = []
    for finding in run_checks(subject):
        findings.append(finding)
        if not as_json:
            show(finding, console)
    if as_json:
        typer.echo(to_json(findings))
    else:
        conclude(findings, console)
    raise typer.Exit(1 if worst(findings) == "fail" else 0)
