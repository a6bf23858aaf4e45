"""Requests in the words of other servers and SDKs, said in the protocol's own."""

from collections.abc import Mapping
from typing import Any

from anytime_client.protocol.base import AlsoAs, FieldError

BUDGET_ALIASES = ("thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "max_thinking_tokens")
"""Other names under which a request may give its `budget`, as other servers and SDKs call it."""

UNBOUNDED = 10**7
"""The budget that -1 under one of these names asks for, as vLLM and Gemini mean it: more than any context holds."""

GUIDED = {
    "guided_json": '{"json": ...}',
    "guided_regex": '{"regex": ...}',
    "guided_choice": '{"choice": [...]}',
    "guided_grammar": '{"grammar": ...}',
}
"""What older clients of vLLM call a structured output, and what it is today."""


def _left_open(value: Any) -> Any:
    return None if type(value) is int and value == -1 else value


OPEN_BY_MINUS_ONE = AlsoAs(_left_open, ({"const": -1},))
"""Marks a number that -1 leaves open, as in vLLM and llama.cpp."""


def in_our_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request `data` with the budget under its own name.

    Raises:
        FieldError: if two names of the budget differ, or a structured output goes by a name that vLLM has dropped.
    """
    refuse_guided(data)
    return fold_budget_aliases(data)


def refuse_guided(data: Mapping[str, Any]) -> None:
    """Refuse structured outputs by their older names.

    Raises:
        FieldError: saying what to send instead.
    """
    for name, form in GUIDED.items():
        if data.get(name) is not None:
            raise FieldError(name, f"send structured_outputs: {form} instead, as vLLM calls it now")


def fold_budget_aliases(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with the budget under its own name.

    Raises:
        FieldError: if two names carry different values.
    """
    given = {name: data[name] for name in ("budget", *BUDGET_ALIASES) if data.get(name) is not None}
    given |= {name: UNBOUNDED for name in BUDGET_ALIASES if type(given.get(name)) is int and given[name] == -1}
    if len({repr(value) for value in given.values()}) > 1:
        raise FieldError("budget", f"these names of the budget differ: {given}; give one")
    rest = {name: value for name, value in data.items() if name not in ("budget", *BUDGET_ALIASES)}
    return {**rest, "budget": next(iter(given.values()))} if given else rest
