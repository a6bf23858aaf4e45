"""Errors that call a field as the client did, where a route translates its request."""

import re
from collections.abc import Mapping
from typing import Any

from anytime_client.protocol import BUDGET_ALIASES
from anytime_server.errors import AnytimeError


def as_sent(error: AnytimeError, names: Mapping[str, str]) -> AnytimeError:
    """Return `error` with the fields in it under other names.

    Args:
        error: its field, and its message, are changed in place.
        names: from the name in the error to the name that was sent. One that ends with a dot stands for the field and
            all that is inside of it, which was sent in another shape.
    """
    for name, sent in names.items():
        field, whole = name.rstrip("."), name.endswith(".")
        if field not in error.message and field not in (error.param or ""):
            continue
        inside = r"(?:\.\w+)*" if whole else ""
        error.message = re.sub(rf"(?<![\w.]){re.escape(field)}{inside}\b(?!')", sent, error.message)
        param = error.param or ""
        if param == field or param.startswith(f"{field}."):
            error.param = sent if whole else sent + param[len(field) :]
    return error


def budget_name(body: Any) -> Mapping[str, str]:
    """Return how the budget was called in a body as it was sent."""
    if not isinstance(body, dict) or "budget" in body:
        return {}
    alias = next((alias for alias in BUDGET_ALIASES if alias in body), "budget")
    return {"budget": alias}
