"""What `serve run anytime_server.ray_app:build NAME=VALUE...` is told; Ray itself is not needed to read it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import typer
import typer.main

from anytime_client.cli.help import Command
from anytime_server.cli import serve
from anytime_server.serving import ServeOptions

ANY_ADDRESS = "0.0.0.0"
"""Where Ray's replicas listen: they must be reached from the proxies of all machines."""

RAYS_OWN = {
    "host": "the address is Ray's: serve start --http-host ADDRESS",
    "port": "the port is Ray's: serve start --http-port PORT",
    "open_page": "replicas have no screen: open the page at Ray's address",
}

_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
"""An option as the command line spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many replicas there are, and what each holds of its machine.

    Attributes:
        replicas: their number, where it is fixed.
        min_replicas: the fewest, where the load decides.
        max_replicas: the most, likewise; both or neither.
        num_gpus: GPUs of one replica; without any it sees none.
        num_cpus: CPU cores of one replica that Ray takes as used.
    """

    replicas: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    num_gpus: float = 0
    num_cpus: float = 1

    def __post_init__(self) -> None:
        """Check that the numbers go together.

        Raises:
            ValueError: naming what to change.
        """
        if (self.min_replicas is None) != (self.max_replicas is None):
            raise ValueError("min_replicas and max_replicas go together: give both, or replicas for a fixed number")
        if self.min_replicas is None or self.max_replicas is None:
            return
        if self.replicas is not None:
            raise ValueError("replicas is a fixed number: leave it out, or min_replicas and max_replicas")
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas={self.min_replicas} is more than max_replicas={self.max_replicas}")

    @property
    def most(self) -> int:
        """The most replicas that there may be."""
        return self.max_replicas or self.replicas or 1


@dataclass(frozen=True, slots=True)
class RayOptions:
    """All of it: the app's options, which are those of `anytime serve`, and the scale."""

    serve: ServeOptions
    scale: Scale


def scale(
    replicas: Annotated[int | None, typer.Option(min=1)] = None,
    min_replicas: Annotated[int | None, typer.Option(min=1)] = None,
    max_replicas: Annotated[int | None, typer.Option(min=1)] = None,
    num_gpus: Annotated[float, typer.Option(min=0)] = 0,
    num_cpus: Annotated[float, typer.Option(min=0)] = 1,
) -> None:
    """Spell the options of `Scale` for the parser."""


def _command(function: Callable[..., None]) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(cls=Command)(function)
    return typer.main.get_command(app)


def read(given: Mapping[str, object]) -> RayOptions:
    """Return the options that these arguments spell, by the names of `anytime serve`'s, e.g. `max_sessions`.

    What is not given comes from the environment (`ANYTIME_MAX_SESSIONS`), then from serve's defaults. An option that
    can be repeated takes several values with spaces between them, or a list.

    Raises:
        ValueError: naming the argument and the remedy.
    """
    commands = _command(serve), _command(scale)
    known = [{option.name: option for option in command.params} for command in commands]
    names = [name for options in known for name in options if name not in (*RAYS_OWN, "help")]
    for name in given:
        _check_name(name, names)
    of_serve, of_scale = (
        _parsed(command, {name: given[name] for name in given if name in options})
        for command, options in zip(commands, known, strict=True)
    )
    try:
        return RayOptions(ServeOptions(**{**of_serve, "host": ANY_ADDRESS}), Scale(**of_scale))
    except ValueError as error:
        raise ValueError(_OPTION.sub(lambda option: option[1].replace("-", "_"), str(error))) from error


def _check_name(name: str, names: list[str]) -> None:
    if name in RAYS_OWN:
        raise ValueError(f"{name} is no argument here: {RAYS_OWN[name]}")
    if name not in names:
        close = get_close_matches(name.strip("-").replace("-", "_"), names)
        meant = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(names))}"
        raise ValueError(f"no argument {name!r}; {meant}")


def _parsed(command: Any, given: Mapping[str, object]) -> dict[str, Any]:
    options = {option.name: option for option in command.params}
    line = [word for name, value in given.items() for word in _words(options[name], value)]
    try:
        with command.make_context("anytime serve", line) as context:
            return dict(context.params)
    except typer.BadParameter as error:
        raise ValueError(error.format_message()) from error


def _words(option: Any, value: object) -> Iterator[str]:
    """Yield the command line's words for an option; a value of a YAML file comes with its type."""
    if option.is_flag:
        text = str(value).lower()
        if text not in ("true", "false"):
            raise ValueError(f"{option.name} takes true or false, not {value!r}")
        yield option.opts[0] if text == "true" else option.secondary_opts[0]
    elif option.multiple:
        for each in value if isinstance(value, list) else str(value).split():
            yield f"{option.opts[0]}={each}"
    else:
        yield f"{option.opts[0]}={value}"
