"""The `anytime train` commands. Heavy libraries are imported by the command that needs them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from anytime_client.cli.help import Command, Commands
from anytime_training.errors import OutputError, RunStopped, TrainingError
from anytime_training.hub import check_model
from anytime_training.outputs import make_folder
from anytime_training.runs import checkpoints

app = typer.Typer(
    cls=Commands,
    help="Train models for anytime reasoning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Train models for anytime reasoning."""


Out = Annotated[Path, typer.Option(help="Folder for the model, the tokenizer and the checkpoints.")]
RecipeName = Annotated[str, typer.Option("--recipe", help="A recipe by name, or the path of a .yaml file.")]
MaxSteps = Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last complete checkpoint in the folder.")]


@contextmanager
def _named_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds are the user's to mend: their text, and exit code 2."""
    try:
        yield
    except kinds as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def _announce(text: str) -> None:
    """Say what is about to happen, before the libraries for it are imported, which takes a while; one process does."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(text)


@contextmanager
def _told_when_stopped(main: bool = True) -> Iterator[None]:
    """A run that SIGTERM ended says so in one process, and ends with the code of one that the signal killed."""
    try:
        yield
    except RunStopped as stopped:
        if main:
            typer.echo(str(stopped), err=True)
        raise typer.Exit(128 + signal.SIGTERM) from None


@app.command(cls=Command)
def sft(
    out: Out,
    recipe: RecipeName = "tiny",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. phases.0.steps=100.")
    ] = None,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    start: Annotated[Path | None, typer.Option("--from", help="Begin with the weights in this folder.")] = None,
) -> None:
    """Warm a model up on synthetic problems (SFT)."""
    from anytime_training.runs.recipes import load_recipe
    from anytime_training.sft.recipe import SftRecipe

    with _named_errors(TrainingError):
        loaded = load_recipe(SftRecipe, recipe, set_ or [])
        _check_out(out, resume)

    _announce(
        f"SFT, recipe {recipe}: {min(loaded.steps, max_steps or loaded.steps)} steps, to {out}; loading the libraries"
        + (", then compiling the model, a minute without a word" if loaded.optimiser.compile else "")
    )
    from anytime_training import noise

    noise.quieten(uses_vllm=False)
    from anytime_training.runs.sft import train

    with _named_errors(TrainingError), _told_when_stopped():
        result = train(loaded, out, max_steps, resume, start)
    typer.echo(f"saved to {out} after {result['steps']} steps, loss {result['first_loss']} -> {result['last_loss']}")


@app.command(cls=Command)
def brpo(
    out: Out,
    recipe: RecipeName = "tiny",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. trainer.max_steps=100.")
    ] = None,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    model: Annotated[str | None, typer.Option(help="Folder or Hub id of the model, in place of the recipe's.")] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print what a process takes of memory, and end.")
    ] = False,
) -> None:
    """Train a model to answer well at every budget (BRPO), or with GRPO."""
    from anytime_training.runs.brpo_recipe import BrpoRecipe
    from anytime_training.runs.recipes import load_recipe

    with _named_errors(TrainingError):
        loaded = load_recipe(BrpoRecipe, recipe, set_ or [])
        if model is not None:
            loaded = loaded.with_model(model)
        check_model(loaded.model.path)
        if not estimate:
            _check_out(out, resume)

    if estimate:
        from anytime_training.runs.memory import estimate as peak

        with _named_errors(ValueError, OSError):
            typer.echo(peak(loaded).table())
        return

    steps = f", at most {max_steps} steps" if max_steps else ""
    _announce(f"BRPO, recipe {recipe}: {loaded.model.path} on {loaded.data}{steps}, to {out}; loading the libraries")
    from anytime_training.runs.brpo import prepare

    with _named_errors(ValueError, OSError):
        run = prepare(loaded, out, max_steps, resume)
    if run.is_main:
        typer.echo(run.summary)
    with _named_errors(TrainingError), _told_when_stopped(run.is_main):
        result = run.train()
    if run.is_main:
        reward = f", anytime reward {result['anytime_reward']:.3f}" if "anytime_reward" in result else ""
        typer.echo(f"saved to {out} after {result['steps']} steps{reward}")


def _check_out(out: Path, resume: bool) -> None:
    """Refuse a folder that can't be written or resumed from, before anything is computed."""
    folder = out / "checkpoints"
    complete, there = checkpoints.last_complete(folder), checkpoints.all_in(folder)
    if there and complete is None:
        names = ", ".join(path.name for path in there)
        raise OutputError(f"{names} in {folder} was not written to its end; delete it and begin anew without --resume")
    if resume and complete is None:
        raise OutputError(f"there is no complete checkpoint in {folder} to resume from; leave --resume out")
    if not resume and complete is not None:
        raise OutputError(f"{folder} holds checkpoints of an earlier run; go on with --resume, or give another --out")
    make_folder(out)


if __name__ == "__main__":
    app()
