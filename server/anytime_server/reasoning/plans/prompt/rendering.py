"""The prompt of a request, by the model's chat template."""

import json
from typing import Any

from anytime_client.protocol import ChatMessage, ReasonRequest
from anytime_client.protocol.template import EFFORT_NAME, SWITCH_NAMES
from anytime_server.controller import (
    BUDGET_VARIABLE,
    Conversation,
    LostMessageError,
    Message,
    TemplateError,
    ThinkingFormat,
    Tokenizer,
    ToolsError,
    words_of,
    write_direct,
    write_prompt,
)
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.prompt.limit import PromptTooLong
from anytime_server.reasoning.settings.settings import ReasonSettings

SENT_TO_ALL = {*SWITCH_NAMES, EFFORT_NAME, BUDGET_VARIABLE}
"""Variables that clients send to every model, whether its template reads them or not."""


def rendered_prompt(
    request: ReasonRequest,
    tokenizer: Tokenizer,
    format: ThinkingFormat,
    settings: ReasonSettings,
    budget: int | None = None,
) -> tuple[int, ...]:
    """Return the token ids of a prompt that opens the thinking; a template that reads it is told the `budget`.

    Raises:
        InvalidRequest: if the template refuses the conversation, the tools or a variable, or the prompt is too long.
    """
    trusted = _trusts(request, settings)
    try:
        ids = write_prompt(_conversation(request, tokenizer, budget), tokenizer, format, trust_special_tokens=trusted)
    except PromptTooLong as error:
        raise InvalidRequest(
            f"the prompt is too long: {error}",
            param=_param(request),
            code="context_length_exceeded",
        ) from error
    except TemplateError as error:
        raise _refused(request, error) from error
    if settings.max_prompt_tokens is not None and len(ids) > settings.max_prompt_tokens:
        raise InvalidRequest(
            f"the prompt has {len(ids)} tokens, template included; this server takes {settings.max_prompt_tokens}: "
            "shorten it",
            param=_param(request),
            code="context_length_exceeded",
        )
    return tuple(ids)


def direct_prompt(
    request: ReasonRequest, tokenizer: Tokenizer, format: ThinkingFormat, settings: ReasonSettings
) -> tuple[int, ...] | None:
    """Return the token ids of the prompt by which the family itself asks for no thinking.

    None if it has none, or one that is too long.

    Raises:
        InvalidRequest: as `rendered_prompt`.
    """
    trusted = _trusts(request, settings)
    try:
        ids = write_direct(_conversation(request, tokenizer, 0), tokenizer, format, trust_special_tokens=trusted)
    except PromptTooLong:
        return None
    except TemplateError as error:
        raise _refused(request, error) from error
    return None if ids is None else tuple(ids)


def tells_budget(tokenizer: Tokenizer) -> bool:
    """Whether the chat template tells the model its budget."""
    return BUDGET_VARIABLE in words_of(tokenizer.chat_template)


def _conversation(request: ReasonRequest, tokenizer: Tokenizer, budget: int | None) -> Conversation:
    variables = dict(request.chat_template_kwargs or {})
    read = words_of(tokenizer.chat_template)
    for name in variables:
        if name not in read and name not in SENT_TO_ALL:
            raise InvalidRequest(
                f"the model's chat template does not read {name!r}; leave it out", param=f"chat_template_kwargs.{name}"
            )
    if budget is not None and BUDGET_VARIABLE in read:
        variables[BUDGET_VARIABLE] = budget
    return Conversation(
        messages=[_template_message(message) for message in request.conversation],
        tools=[tool.model_dump(exclude_none=True) for tool in request.tools or ()],
        variables=variables,
    )


def _template_message(message: ChatMessage) -> Message:
    """Return a turn as chat templates read it: one text, and the arguments of calls as mappings."""
    fields: dict[str, Any] = message.model_dump(exclude_none=True) | {"content": message.text}
    for call in fields.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return fields


def _trusts(request: ReasonRequest, settings: ReasonSettings) -> bool:
    return settings.trust_special_tokens if request.trust_special_tokens is None else request.trust_special_tokens


def _refused(request: ReasonRequest, error: TemplateError) -> InvalidRequest:
    if isinstance(error, ToolsError):
        return InvalidRequest(str(error), param="tools")
    if isinstance(error, LostMessageError) and request.messages is not None:
        return InvalidRequest(str(error), param=f"messages.{error.index}")
    return InvalidRequest(str(error), param=_param(request))


def _param(request: ReasonRequest) -> str:
    return "prompt" if request.messages is None else "messages"
