"""`anytime models`."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from anytime_client.cli.ask import ApiKey, BaseUrl
from anytime_client.cli.exits import complain, errors_in_one_line
from anytime_client.cli.plain_text import one_line

if TYPE_CHECKING:
    from anytime_client import ModelCard

PIPE_WIDTH = 1000
"""Columns where nobody looks: no line is broken for a program."""


def models(
    as_json: Annotated[bool, typer.Option("--json", help="print the cards as JSON")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
) -> None:
    """List what a server serves.

    Exit codes: 0 listed; 1 not (no connection, no answer, refused).
    """
    from anytime_client.cli.asking import served_models

    with errors_in_one_line("models"):
        cards = served_models(base_url, api_key, partial(complain, "models"))
    if as_json:
        _print_json(cards)
    else:
        _print_table(cards)


def _print_json(cards: "list[ModelCard]") -> None:
    import json

    typer.echo(json.dumps([card.model_dump() for card in cards], indent=2))


def _print_table(cards: "list[ModelCard]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model", "engine", "context", "budget", "most", "thinking"):
        table.add_column(name, overflow="fold")
    for card in cards:
        # Not as markup: a name or a marker may hold brackets.
        table.add_row(*(Text(one_line(cell)) for cell in _row(card)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def _row(card: "ModelCard") -> list[str]:
    """Return a card's cells; what the server does not say stays empty."""
    extra = card.model_extra or {}
    about = extra.get("anytime", {})
    markers = about.get("thinking_format", {})
    cells = [
        card.id,
        about.get("engine"),
        extra.get("max_model_len"),
        about.get("default_budget"),
        "what fits" if about.get("max_budget", 0) is None else about.get("max_budget"),
        " ".join(markers[name] for name in ("open", "close") if name in markers),
    ]
    return ["" if cell is None else str(cell) for cell in cells]
