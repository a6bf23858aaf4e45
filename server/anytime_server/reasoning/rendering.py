"""The prompt of a request, by the model's chat template."""

import json

from anytime_client.protocol import ChatMessage, ReasonRequest
from anytime_server.controller import Message, TemplateError, ThinkingFormat, Tokenizer, ToolsError, render_prompt
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.prompt_limit import PromptTooLong
from anytime_server.reasoning.settings import ReasonSettings


def rendered_prompt(
    request: ReasonRequest, tokenizer: Tokenizer, format: ThinkingFormat, settings: ReasonSettings
) -> tuple[int, ...]:
    """Return the token ids of a prompt that opens the thinking.

    Raises:
        InvalidRequest: if the template refuses the conversation or the tools, or the prompt is too long.
    """
    messages = [_template_message(message) for message in request.conversation]
    tools = [tool.model_dump(exclude_none=True) for tool in request.tools or ()]
    param = "prompt" if request.messages is None else "messages"
    try:
        ids = tuple(render_prompt(messages, tokenizer, format, tools))
    except PromptTooLong as error:
        message = f"the prompt is too long: {error}"
        raise InvalidRequest(message, param=param, code="context_length_exceeded") from error
    except TemplateError as error:
        raise InvalidRequest(str(error), param="tools" if isinstance(error, ToolsError) else param) from error
    if settings.max_prompt_tokens is not None and len(ids) > settings.max_prompt_tokens:
        raise InvalidRequest(
            f"the prompt has {len(ids)} tokens, template included; this server takes {settings.max_prompt_tokens}: "
            "shorten it",
            param=param,
            code="context_length_exceeded",
        )
    return ids


def _template_message(message: ChatMessage) -> Message:
    """Return a turn as chat templates read it: one text, and the arguments of calls as mappings."""
    fields = message.model_dump(exclude_none=True) | {"content": message.text}
    for call in fields.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return fields
