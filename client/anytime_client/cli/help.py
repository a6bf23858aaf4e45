"""`--help` of a command or of a group: panels of two columns each, made for terminals of 80 columns and more."""

from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

from anytime_client.cli.variables import blamed_on_variables

OPTIONS = "Options"
ARGUMENTS = "Arguments"
COMMANDS = "Commands"
GAP = 2
NARROWEST, WIDEST = 40, 110
"""Columns of the whole: a line that is longer is hard to read."""
LONGEST_SENTENCE = 300
"""Characters of what a group says of a command: all of its first sentence."""
KINDS = {"<int range>": "N", "<float range>": "N", "<int>": "N", "<float>": "N", "<str>": "TEXT", "<path>": "PATH"}
"""Typer's words for the kinds of values, and what they are called here."""


Panels = dict[str, list[tuple[str, str]]]
"""The rows of each panel by its title: what is written, and what it does."""


class Command(TyperCommand):
    """A command whose help has a panel for each `rich_help_panel`, in the order in which they first come.

    Its errors name the environment variable that has set an option.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, and the environment."""
        with blamed_on_variables(ctx):
            rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        _print_help(self, ctx, _of_parameters(self, ctx))


class Commands(TyperGroup):
    """A group of commands, with a panel for them above that of its own options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        named = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(limit=LONGEST_SENTENCE)) for name, command in named if command]
        _print_help(self, ctx, {COMMANDS: rows, **_of_parameters(self, ctx)})


def _print_help(command: Any, ctx: Any, panels: Panels) -> None:
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.width = min(max(console.width, NARROWEST), WIDEST)
    about = "\n\n".join(paragraphs(command.help or ""))
    head = Group(Text(command.get_usage(ctx), style="bold"), "", Text(about))
    console.print(Padding(head, (1, 1)))
    for title, rows in panels.items():
        console.print(_panel(title, rows))


def _of_parameters(command: Any, ctx: Any) -> Panels:
    panels: Panels = {}
    for param in command.get_params(ctx):
        row = _row(param, ctx)
        if row is not None:
            standard = ARGUMENTS if param.param_type_name == "argument" else OPTIONS
            panels.setdefault(getattr(param, "rich_help_panel", None) or standard, []).append(row)
    return panels


def paragraphs(docstring: str) -> Iterator[str]:
    """Yield the paragraphs of a docstring, each on one line: the terminal breaks them."""
    for part in docstring.split("\n\n"):
        yield " ".join(part.split())


def _row(param: Any, ctx: Any) -> tuple[str, str] | None:
    """Return how a parameter is written and what it does; None if it is hidden."""
    record: tuple[str, str] | None = param.get_help_record(ctx)
    if record is None:
        return None
    if not getattr(param, "is_flag", False):
        names, help = record
        kind = next((kind for kind in KINDS if names.endswith(kind)), "")
        return names.removesuffix(kind) + KINDS.get(kind, ""), help
    # A flag takes no value, and what is off by default needs no word for off.
    spellings = [*param.opts, *(param.secondary_opts if param.default else [])]
    return ", ".join(sorted(spellings, key=len)), param.help or ""


def _panel(title: str, rows: list[tuple[str, str]]) -> Any:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold cyan")
    table.add_column()
    for names, help in rows:
        # As text, not as markup: JSON and marks such as [/] are meant as they stand.
        table.add_row(Text(names), Text(help))
    return Panel(table, title=title, title_align="left", border_style="dim")
