"""Which form a model's tool calls have."""

from collections.abc import Callable

from anytime_server.api.openai.tools.forms import DEFAULT, FAMILIES, Form
from anytime_server.controller import ThinkingMarkers

AUTO = "auto"
CHANNELS = "openai"


def check_parser_name(name: str) -> None:
    """Check that `name` is a form's, or `auto`.

    Raises:
        ValueError: with the names that there are.
    """
    if name != AUTO and name not in FAMILIES:
        raise ValueError(f"unknown --tool-call-parser {name!r}; known: {AUTO}, {', '.join(FAMILIES)}")


def choose(
    template: str | None, markers: ThinkingMarkers, is_token: Callable[[str], bool] | None = None, name: str = AUTO
) -> Form:
    """Return the form called `name`; for `auto` the one that the chat template asks the model for.

    Where the template shows none, what the vocabulary has a token for decides (`is_token`). A model that writes
    channels calls on channels.

    Raises:
        ValueError: if there is no form of that name.
    """
    check_parser_name(name)
    if name == AUTO:
        name = CHANNELS if markers.headers else _shown(template or "") or _spelled(is_token) or DEFAULT
    return FAMILIES[name].form


def _shown(template: str) -> str | None:
    """The form whose signs the template shows."""
    return next((name for name, family in FAMILIES.items() if all(sign in template for sign in family.signs)), None)


def _spelled(is_token: Callable[[str], bool] | None) -> str | None:
    """The form whose signs are tokens."""
    if is_token is None:
        return None
    return next((name for name, family in FAMILIES.items() if all(map(is_token, family.signs))), None)
