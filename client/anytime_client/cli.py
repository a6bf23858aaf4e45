"""The `anytime` command. Sub-commands of packages that are heavier than this one come in by entry points."""

import sys
from importlib.metadata import entry_points

import typer

GROUP = "anytime.commands"
TRAINING_MODULES = {"datasets", "math_verify", "matplotlib", "peft", "trl", "yaml"}


def build() -> typer.Typer:
    """Return the command with every sub-command of the installed packages."""
    app = typer.Typer(name="anytime", help="Serve reasoning models so that an answer is available at any time.")
    app.callback()(_root)
    for entry in sorted(entry_points(group=GROUP)):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(name=entry.name)(command)
    return app


def main() -> None:
    """Run the command; a missing extra is reported in one line."""
    try:
        build()()
    except ModuleNotFoundError as error:
        sys.exit(f"anytime: {error.name} is not installed; {_remedy(error.name)}")


def _root() -> None:
    """Serve reasoning models so that an answer is available at any time."""


def _remedy(module: str | None) -> str:
    extra = "training" if module in TRAINING_MODULES else "vllm" if module == "vllm" else "server"
    return f'this command needs: pip install "anytime-reasoning[{extra}]"'
