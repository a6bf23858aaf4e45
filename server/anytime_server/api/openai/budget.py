"""The budget of a request that may name it in several ways."""

from anytime_client.protocol.template import SWITCH_NAMES
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.effort import EffortMap
from anytime_server.errors import InvalidRequest


def budget_of(request: ChatRequest, in_query: int | None, effort: EffortMap) -> int | None:
    """Return the thinking tokens that `request` asks for; None leaves them to the server.

    Raises:
        InvalidRequest: if two ways of asking differ.
    """
    reasoning, thinking, template = request.reasoning, request.thinking, request.chat_template_kwargs or {}
    asked = {
        "budget": request.budget,
        "budget in the query": in_query,
        "reasoning_effort": None if request.reasoning_effort is None else effort.budget(request.reasoning_effort),
        "reasoning.effort": None if reasoning.effort is None else effort.budget(reasoning.effort),
        "reasoning.max_tokens": reasoning.max_tokens,
        "reasoning.enabled": 0 if reasoning.enabled is False else None,
        "thinking.budget_tokens": None if thinking is None else thinking.budget_tokens,
        "thinking.type": 0 if thinking is not None and thinking.type == "disabled" else None,
        "enable_thinking": 0 if request.enable_thinking is False else None,
        **{f"chat_template_kwargs.{name}": 0 if template.get(name) is False else None for name in SWITCH_NAMES},
    }
    given = {name: tokens for name, tokens in asked.items() if tokens is not None}
    if len(set(given.values())) > 1:
        described = ", ".join(f"{name} ({tokens} thinking tokens)" for name, tokens in given.items())
        raise InvalidRequest(f"these ask for different budgets: {described}; give one", param=list(given)[-1])
    budget = next(iter(given.values()), None)
    if budget == 0 and (word := _switched_on(request)) is not None:
        raise InvalidRequest(f"it asks for thinking, and {next(iter(given))} for none; give one", param=word)
    return budget


def _switched_on(request: ChatRequest) -> str | None:
    """The field that asks for thinking without saying how much."""
    asked = {
        "enable_thinking": request.enable_thinking is True,
        "reasoning.enabled": request.reasoning.enabled is True,
        "thinking.type": request.thinking is not None and request.thinking.type != "disabled",
    }
    return next((name for name, on in asked.items() if on), None)
