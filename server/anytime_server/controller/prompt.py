"""The prompt of a session: the model's chat template, completed so that the thinking is open."""

from collections.abc import Sequence

from anytime_server.controller.errors import ToolsError
from anytime_server.controller.format import ThinkingFormat
from anytime_server.controller.tokenizer import Message, Tokenizer, Tool


def render_prompt(
    messages: Sequence[Message], tokenizer: Tokenizer, format: ThinkingFormat, tools: Sequence[Tool] = ()
) -> list[int]:
    """Token ids of a prompt whose last tokens open the thinking.

    A model without a chat template gets the messages' contents, a blank line between them.

    Raises:
        TemplateError: if the template refuses the conversation.
        ToolsError: if it has no place for tools.
    """
    template = tokenizer.chat_template
    if tools and "tools" not in (template or ""):
        raise ToolsError("the model's chat template takes no tools: leave them out, or serve a model that calls tools")
    prepared = [_prepared(message, template or "", format) for message in messages]
    if template is None:
        text = "\n\n".join(str(message["content"]) for message in prepared) + "\n"
    else:
        text = tokenizer.render_chat(prepared, tools)
    if not text.rstrip().endswith(format.markers.open):
        text += format.markers.opening
    return tokenizer.encode(text)


def _prepared(message: Message, template: str, format: ThinkingFormat) -> Message:
    """What templates leave to their caller."""
    if message["role"] == "developer" and "developer" not in template:
        # The newer name of the system role: a template that does not know it may drop the message without a word.
        return {**message, "role": "system"}
    if message["role"] == "assistant":
        return _split_thinking(message, format)
    return message


def _split_thinking(message: Message, format: ThinkingFormat) -> Message:
    """Move thinking that an assistant's turn has in its content to `reasoning_content`, where templates look for it.

    The open marker may be missing: families that open the thinking in the prompt don't generate it.
    """
    thinking, closed, answer = str(message["content"]).partition(format.markers.close)
    if not closed:
        return message
    thinking = thinking.strip().removeprefix(format.markers.open).strip()
    return {"reasoning_content": thinking, **message, "content": answer.lstrip("\n")}
