"""A conversation as the token ids of a prompt: the first form of it in which everything arrives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anytime_server.controller.errors import TemplateError
from anytime_server.controller.format import ThinkingFormat
from anytime_server.controller.prompt.conversation import Conversation
from anytime_server.controller.prompt.plain_text import Fences, control_spellings, pieces_between_fences
from anytime_server.controller.prompt.search import rendered_whole
from anytime_server.controller.prompt.tracing import THINKING
from anytime_server.controller.template.switches import switched
from anytime_server.controller.tokenizer import Message, Tokenizer, Tool


def render_prompt(
    messages: Sequence[Message], tokenizer: Tokenizer, format: ThinkingFormat, tools: Sequence[Tool] = ()
) -> list[int]:
    """Return the token ids of a prompt whose last tokens open the thinking: `write_prompt` of a bare conversation."""
    return write_prompt(Conversation(messages, tools), tokenizer, format)


def write_prompt(
    conversation: Conversation, tokenizer: Tokenizer, format: ThinkingFormat, *, trust_special_tokens: bool = False
) -> list[int]:
    """Return the token ids of a prompt whose last tokens open the thinking.

    A model without a chat template gets the messages' contents, a blank line between them. Control tokens that the
    texts spell are text, unless `trust_special_tokens`.

    Raises:
        LostMessageError: if the template drops a message, in whichever form it is given.
        ToolsError: if it has no place for the tools.
        TemplateError: if it refuses the conversation, or closes the thinking before it has begun.
    """
    rendering = _rendering(conversation, tokenizer, format, trust_special_tokens, thinking=True)
    if rendering.closes(format):
        raise TemplateError(
            f"the prompt ends with {format.markers.close!r}, so the model would not think: leave out what switches its "
            "thinking off (a budget of 0 answers without)"
        )
    opening = "" if rendering.opens(format) else format.markers.opening
    return rendering.encode(tokenizer, opening)


def write_direct(
    conversation: Conversation, tokenizer: Tokenizer, format: ThinkingFormat, *, trust_special_tokens: bool = False
) -> list[int] | None:
    """Return the token ids of the prompt by which the family itself asks for an answer without thinking.

    The answer follows the prompt at once: there is no thinking to close. None if the family has no such prompt.

    Raises:
        TemplateError: as `write_prompt`.
    """
    template = tokenizer.chat_template
    if template is None or not switched(template, on=False):
        return None
    with_thinking = _rendering(conversation, tokenizer, format, trust_special_tokens, thinking=True)
    direct = _rendering(conversation, tokenizer, format, trust_special_tokens, thinking=False)
    if direct.text == with_thinking.text or direct.opens(format):
        return None
    return direct.encode(tokenizer)


@dataclass(frozen=True, slots=True)
class _Rendering:
    """A rendered conversation: its pieces between fences, and the generation prompt at its end."""

    pieces: Sequence[str]
    tail: str

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def opens(self, format: ThinkingFormat) -> bool:
        """Whether the generation prompt leaves the thinking open. What people say does not count."""
        opened, closed = (self.tail.rfind(marker.strip()) for marker in (format.markers.open, format.markers.close))
        return opened > closed

    def closes(self, format: ThinkingFormat) -> bool:
        """Whether the generation prompt ends past the thinking."""
        end = self.tail.rstrip()
        if format.markers.wrapper is not None:
            end = end.removesuffix(format.markers.wrapper[0].strip()).rstrip()
        return end.endswith(format.markers.close.strip())

    def encode(self, tokenizer: Tokenizer, more: str = "") -> list[int]:
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise TemplateError("the conversation holds half of a surrogate pair, which is no text") from error
        *before, last = self.pieces
        return tokenizer.encode_pieces([*before, last + more])


def _rendering(
    conversation: Conversation, tokenizer: Tokenizer, format: ThinkingFormat, trusted: bool, *, thinking: bool
) -> _Rendering:
    markers = (format.markers.open, format.markers.close)
    fences = Fences(None if trusted else control_spellings(tokenizer, markers))
    fenced = _fenced(conversation, fences, format)
    template = tokenizer.chat_template
    if template is None:
        text = "\n\n".join(str(message["content"]) for message in fenced.messages) + "\n"
        return _Rendering(pieces_between_fences(text), "\n")
    fenced = fenced.with_variables(**switched(template, on=thinking))
    text, tail = rendered_whole(fenced, tokenizer, template)
    return _Rendering(pieces_between_fences(text), tail)


def _fenced(conversation: Conversation, fences: Fences, format: ThinkingFormat) -> Conversation:
    messages = [_split_thinking(message, format) for message in conversation.messages]
    try:
        return replace(
            conversation,
            messages=[fences.around(message) for message in messages],
            tools=[fences.around(tool) for tool in conversation.tools],
            variables=fences.around(conversation.variables),
        )
    except RecursionError as error:
        raise TemplateError("a tool, an argument or a variable is nested too deeply") from error


def _split_thinking(message: Message, format: ThinkingFormat) -> Message:
    """Move thinking that an assistant's turn has in its content to where templates look for it.

    The open marker may be missing: families that open the thinking in the prompt don't generate it.
    """
    if message["role"] != "assistant":
        return message
    thinking, closed, answer = str(message["content"]).partition(format.markers.close)
    if not closed:
        return message
    thinking = thinking.strip().removeprefix(format.markers.open.strip()).strip()
    return {THINKING: thinking, **message, "content": answer.lstrip("\n")}
