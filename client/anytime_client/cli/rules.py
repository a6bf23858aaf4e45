"""Rules of a request as they are written on a command line."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from anytime_client import CheckpointRule, StopWhen

CHECKPOINTS_HELP = "where to answer meanwhile: 250,500 | every:250 | count:4 | geometric:2 | none"
STOP_WHEN_HELP = "stop once the answer has settled: stable:3 | confidence:0.9 | both, with a comma"


def parse_checkpoints(text: str) -> "list[int] | CheckpointRule":
    """Read `--checkpoints`.

    Raises:
        typer.BadParameter: if it is none of the forms.
    """
    from anytime_client import CheckpointRule

    if text == "none":
        return []
    name, is_rule, value = text.partition(":")
    try:
        if not is_rule:
            return [int(part) for part in text.split(",")]
        return CheckpointRule.model_validate({name: float(value) if name == "geometric" else int(value)})
    except ValueError:
        raise _none_of(text, CHECKPOINTS_HELP, "--checkpoints") from None


def parse_stop_when(text: str) -> "StopWhen":
    """Read `--stop-when`.

    Raises:
        typer.BadParameter: if it is none of the forms.
    """
    from anytime_client import StopWhen

    rules = dict(part.partition(":")[::2] for part in text.split(","))
    try:
        values = {name: int(value) if name == "stable" else float(value) for name, value in rules.items()}
        return StopWhen.model_validate(values)
    except ValueError:
        raise _none_of(text, STOP_WHEN_HELP, "--stop-when") from None


def _none_of(text: str, help_text: str, option: str) -> typer.BadParameter:
    return typer.BadParameter(f"{text!r} is none of {help_text.partition(': ')[2]}", param_hint=option)
