"""What a chat template writes for a conversation made up for the purpose."""

import re
from collections.abc import Mapping, Sequence

from anytime_server.controller.errors import TemplateError
from anytime_server.controller.markers import ThinkingMarkers
from anytime_server.controller.template.switches import switched
from anytime_server.controller.tokenizer import Message, Tokenizer

QUESTION: Message = {"role": "user", "content": "2+2?"}
THOUGHT = "q7thoughtq7"
CALL = {"id": "call00000", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
RESULT: Message = {"role": "tool", "tool_call_id": "call00000", "content": "1"}
THINKING_NAMES = ("reasoning_content", "reasoning", "thinking")


def generation_prompt(tokenizer: Tokenizer, *, thinking: bool = True) -> str:
    """Return the prompt of a short question, or "" if there is no template, or one that refuses it."""
    return _rendered(tokenizer, [QUESTION], switched(tokenizer.chat_template, on=thinking))


def learned_opening(tokenizer: Tokenizer, markers: ThinkingMarkers) -> str | None:
    """Return the open marker with the white space around it that the template writes before an earlier thought.

    None if it shows no earlier thoughts, or not after its generation prompt.
    """
    prompt = generation_prompt(tokenizer)
    for rendered in _with_a_thought(tokenizer, THINKING_NAMES[:1]):
        if prompt and rendered.startswith(prompt):
            opening, arrived, _ = rendered.removeprefix(prompt).partition(THOUGHT)
            if arrived and opening.strip() == markers.open.strip():
                return opening
    return None


def thinks(tokenizer: Tokenizer, markers: ThinkingMarkers) -> bool:
    """Whether the template shows any sign that the model thinks.

    It opens the thinking or asks for it, can switch it on, or has a place for earlier thoughts. A prompt that always
    ends with the thinking closed is no sign. A model that declares its format thinks; nothing can be said without a
    template.
    """
    if tokenizer.chat_template is None or tokenizer.declared_format is not None:
        return True
    prompt = generation_prompt(tokenizer)
    if prompt.rstrip().endswith(markers.close.strip()):
        return False
    if markers.open.strip() in prompt or prompt != generation_prompt(tokenizer, thinking=False):
        return True
    shown = re.compile(re.escape(markers.open.strip()) + r"\s*" + THOUGHT)
    return any(shown.search(rendered) for rendered in _with_a_thought(tokenizer, THINKING_NAMES))


def _with_a_thought(tokenizer: Tokenizer, names: Sequence[str]) -> list[str]:
    """Renderings of an earlier turn that thought, and of one that thought before it called a tool."""
    variables = switched(tokenizer.chat_template, on=True)
    answered = [[QUESTION, {"role": "assistant", "content": "4", name: THOUGHT}] for name in names]
    called = [
        [QUESTION, {"role": "assistant", "content": "", name: THOUGHT, "tool_calls": [CALL]}, RESULT] for name in names
    ]
    part = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": "4"}]
    in_parts: list[Message] = [QUESTION, {"role": "assistant", "content": part}]
    return [_rendered(tokenizer, messages, variables) for messages in (*answered, *called, in_parts)]


def _rendered(tokenizer: Tokenizer, messages: Sequence[Message], variables: Mapping[str, object]) -> str:
    if tokenizer.chat_template is None:
        return ""
    try:
        return tokenizer.render_chat(messages, (), variables)
    except TemplateError:
        return ""
