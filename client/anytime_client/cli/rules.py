"""Rules of a request as they are written on a command line; the protocol reads them."""

from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from anytime_client import CheckpointRule, StopWhen

T = TypeVar("T")

NONE = "none"
"""Sent as it is: an absent rule would leave it to the server."""

CHECKPOINT_FORMS = "250,500 | every:250 | count:4 | geometric:2 | none"
STOP_WHEN_FORMS = (
    "stable:3 | confidence:0.9 | consensus:0.75 | risk:0.05 | give_up:0.02 | loop | match:REGEX | "
    "several, with commas, match last | none"
)
"""Those of the protocol, which help does without: it would import pydantic."""


def parse_checkpoints(text: str) -> "list[int] | CheckpointRule":
    """Read `--checkpoints`.

    Raises:
        typer.BadParameter: if it is none of the forms.
    """
    from anytime_client.protocol import CHECKPOINTS_ADAPTER

    return _read(CHECKPOINTS_ADAPTER, text, CHECKPOINT_FORMS, "--checkpoints")


def parse_stop_when(text: str) -> "StopWhen | None":
    """Read `--stop-when`; None is `none`.

    Raises:
        typer.BadParameter: if it is none of the forms.
    """
    from anytime_client.protocol import STOP_WHEN_ADAPTER

    return _read(STOP_WHEN_ADAPTER, text, STOP_WHEN_FORMS, "--stop-when")


def _read(adapter: "TypeAdapter[T]", text: str, forms: str, option: str) -> T:
    try:
        return adapter.validate_python(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is none of {forms}", param_hint=option) from None
