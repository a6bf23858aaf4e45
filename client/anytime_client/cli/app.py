"""The command's root. Sub-commands of packages that are heavier than this one come in by entry points."""

import sys
from importlib.metadata import entry_points, version
from typing import Annotated, Any

import typer

from anytime_client.cli.ask import ask
from anytime_client.cli.exits import CANCELLED, FAILED
from anytime_client.cli.help import Command, Commands
from anytime_client.cli.models import models
from anytime_client.cli.standard_streams import standard_streams

GROUP = "anytime.commands"
IN_ORDER_OF_USE = ("serve", "ask", "models", "doctor", "eval", "calibrate", "train", "worker")
TRAINING_MODULES = {"datasets", "math_verify", "matplotlib", "peft", "trl", "yaml"}


class InOrderOfUse(Commands):
    """Lists the commands as one comes to need them; those of other packages come last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        names = super().list_commands(ctx)
        known = [name for name in IN_ORDER_OF_USE if name in names]
        return known + [name for name in names if name not in known]


def build() -> typer.Typer:
    """Return the command with every sub-command of the installed packages."""
    app = typer.Typer(
        name="anytime",
        cls=InOrderOfUse,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command(cls=Command)(ask)
    app.command(cls=Command)(models)
    for entry in sorted(entry_points(group=GROUP)):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(name=entry.name, cls=Command)(command)
    return app


def main() -> None:
    """Run the command; a missing extra is reported in one line."""
    with standard_streams():
        try:
            build()()
        except ModuleNotFoundError as error:
            print(f"anytime: {error.name} is not installed; {_remedy(error.name)}", file=sys.stderr)
            sys.exit(FAILED)
        except KeyboardInterrupt:
            sys.exit(CANCELLED)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"anytime {version('anytime-reasoning')}")
        raise typer.Exit


VERSION = typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")


def _root(_: Annotated[bool, VERSION] = False) -> None:
    """Stop a reasoning model when its answer stops changing, and never come back empty-handed."""


def _remedy(module: str | None) -> str:
    extra = "training" if module in TRAINING_MODULES else "vllm" if module == "vllm" else "server"
    return f'this command needs: pip install "anytime-reasoning[{extra}]"'
