"""Options that are set by the environment: an error names the variable then, as nobody has typed the option."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

ENVIRONMENT = "ENVIRONMENT"
"""Click's name for where such a value comes from."""


@contextmanager
def blamed_on_variables(context: Any) -> Iterator[None]:
    """Have a value that can't be read name the variable that it came from; `context` is that of the command."""
    try:
        yield
    except typer.BadParameter as error:
        variable = None if error.param is None else _variable_of(error.param, context)
        if variable is not None:
            error.param_hint = variable
        raise


def named_as_given(message: str, context: Any) -> str:
    """Return a message about options, with the variables in it by which some of them were set."""
    for param in context.command.params:
        variable = _variable_of(param, context)
        if variable is not None:
            names = "|".join(map(re.escape, param.opts))
            message = re.sub(rf"(?<![\w-])(?:{names})(?![\w-])", variable, message)
    return message


def _variable_of(param: Any, context: Any) -> str | None:
    """The environment variable that has set an option; None if it was given otherwise, or not at all."""
    source = context.get_parameter_source(param.name)
    if source is None or source.name != ENVIRONMENT:
        return None
    variables = [param.envvar] if isinstance(param.envvar, str) else param.envvar
    return next((variable for variable in variables if os.environ.get(variable)), None)
