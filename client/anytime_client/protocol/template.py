"""What a request may tell the model's chat template beside the conversation."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from anytime_client.protocol.base import HALF_CHARACTER, FieldError

SWITCH_NAMES = ("enable_thinking", "thinking", "enable_reasoning", "reasoning")
"""Variables that switch the thinking of many families: false is a budget of 0."""

EFFORT_NAME = "reasoning_effort"
"""The variable by which a template is told how much effort is wanted, beside the budget."""

TAKEN_NAMES = frozenset(
    (
        "add_generation_prompt",
        "bos_token",
        "chat_template",
        "continue_final_message",
        "conversation",
        "eos_token",
        "max_length",
        "messages",
        "pad_token",
        "padding",
        "raise_exception",
        "return_assistant_tokens_mask",
        "return_dict",
        "return_tensors",
        "self",
        "strftime_now",
        "tokenize",
        "tokenizer_kwargs",
        "tools",
        "truncation",
        "unk_token",
    )
)
"""Names that are not the client's to set."""

MAX_VARIABLES = 32
MAX_BYTES = 65_536


def _bounded(variables: dict[str, Any]) -> dict[str, Any]:
    if len(variables) > MAX_VARIABLES:
        raise ValueError(f"it has {len(variables)} names; at most {MAX_VARIABLES} are taken")
    for name in variables:
        if name in TAKEN_NAMES or not name.isidentifier():
            raise ValueError(f"{name[:64]!r} can't be set here; leave it out")
    for name in SWITCH_NAMES[:2]:
        if not isinstance(variables.get(name), bool | None):
            raise ValueError(f"{name} must be true or false")
    try:
        size = len(json.dumps(variables, ensure_ascii=False).encode())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError(HALF_CHARACTER) from error
    if size > MAX_BYTES:
        raise ValueError(f"it takes {size} bytes as JSON; at most {MAX_BYTES} are taken")
    return variables


TemplateVariables = Annotated[dict[str, Any], Field(max_length=MAX_VARIABLES), AfterValidator(_bounded)]


def switches_thinking_off(variables: dict[str, Any] | None) -> bool:
    """Whether one of the switches asks for an answer without thinking, which is a budget of 0."""
    return any((variables or {}).get(name) is False for name in SWITCH_NAMES)


def with_budget_of_switches(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a request, with a budget of 0 if its template's variables switch the thinking off.

    Raises:
        FieldError: if it names another budget.
    """
    variables = data.get("chat_template_kwargs")
    if not isinstance(variables, dict) or not switches_thinking_off(variables):
        return data
    if data.get("budget") not in (None, 0):
        raise FieldError("chat_template_kwargs", "it switches the thinking off, and the budget is not 0; give one")
    return {**data, "budget": 0}
