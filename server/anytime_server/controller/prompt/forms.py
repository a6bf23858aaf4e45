"""The ways in which families want to be given a conversation.

Each aspect of a conversation has a usual form and, where the conversation has something that a family may read
otherwise, others: the system messages merged into one, the thinking under another name, calls one by one. A form is
one choice per aspect; which of them a template takes is found out by trying (`writing.py`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anytime_server.controller.prompt.conversation import TOOLS, Conversation
from anytime_server.controller.prompt.tracing import THINKING
from anytime_server.controller.template.switches import words_of
from anytime_server.controller.tokenizer import Message

Change = Callable[[Conversation], Conversation]
"""Puts one aspect of a conversation into another form."""

SYSTEM_ROLES = ("system", "developer")
OTHER_TOOLS = ("xml_tools", "python_tools")
"""Variables under which some templates read tools in place of the usual one, SmolLM3's for one."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """The forms of one aspect, the usual one first.

    Attributes:
        forms: what puts a conversation into each.
        matters: whether a prompt is wrong without the right one; families drop earlier thinking by design.
    """

    forms: Sequence[Change]
    matters: bool = True


def aspects_of(conversation: Conversation, template: str) -> list[Aspect]:
    """Return the aspects in which `conversation` can be given to `template`.

    The order is that of the changes: those which look for a field of a message come before those which rename it.
    """
    words = words_of(template)
    found = [_systems(conversation, words), _calls(conversation), _thinking(conversation, words)]
    found += [Aspect([_as_it_is, _text_in_parts]), _tools(conversation, template)]
    return [aspect for aspect in found if aspect.forms]


def tool_variables(template: str) -> list[str]:
    """Return the variables under which `template` may read tools, the usual one first."""
    words = words_of(template)
    return [name for name in (TOOLS, *OTHER_TOOLS) if name in words]


def _systems(conversation: Conversation, words: frozenset[str]) -> Aspect:
    roles = [message["role"] for message in conversation.messages]
    asked = [index for index, role in enumerate(roles) if role in SYSTEM_ROLES]
    forms: list[Change] = []
    if "developer" in roles:
        # The newer name of the system's role. Many templates would write it down as a role that no model knows.
        forms = [_as_it_is, _developer_as_system] if "developer" in words else [_developer_as_system]
    if asked and asked != [0]:
        forms = [*(forms or [_as_it_is]), _one_system("system"), _one_system("developer")]
    return Aspect(forms)


def _calls(conversation: Conversation) -> Aspect:
    calls = [len(_of(message, "tool_calls")) for message in conversation.messages]
    if not any(calls):
        return Aspect([])
    several = [_one_call_a_turn, _both(_one_call_a_turn, _arguments_as_text)] if max(calls) > 1 else []
    return Aspect([_as_it_is, _arguments_as_text, *several])


def _thinking(conversation: Conversation, words: frozenset[str]) -> Aspect:
    if not any(message.get(THINKING) for message in conversation.messages):
        return Aspect([])
    forms: list[Change] = [_as_it_is]
    forms += [_thinking_named(name) for name in ("thinking", "reasoning") if name in words]
    if "thinking" in words:
        forms += [_thinking_as_part, _text_beside_calls_as_thinking]
    return Aspect(forms, matters=False)


def _tools(conversation: Conversation, template: str) -> Aspect:
    return Aspect([_tools_named(name) for name in tool_variables(template)] if conversation.tools else [])


def _as_it_is(conversation: Conversation) -> Conversation:
    return conversation


def _both(first: Change, second: Change) -> Change:
    return lambda conversation: second(first(conversation))


def _each(change: Callable[[Message], Message]) -> Change:
    return lambda conversation: replace(conversation, messages=[change(each) for each in conversation.messages])


def _of(message: Message, field: str) -> Sequence[Mapping[str, Any]]:
    values: Any = message.get(field)
    return values or ()


def _system(message: Message) -> Message:
    return {**message, "role": "system"} if message["role"] == "developer" else message


_developer_as_system = _each(_system)


def _one_system(role: str) -> Change:
    """Merge what the system and the developer say into one turn at the front, a blank line between."""

    def merge(conversation: Conversation) -> Conversation:
        said = [message for message in conversation.messages if message["role"] in SYSTEM_ROLES]
        rest = [message for message in conversation.messages if message["role"] not in SYSTEM_ROLES]
        text = "\n\n".join(str(message["content"]) for message in said)
        return replace(conversation, messages=[{"role": role, "content": text}, *rest])

    return merge


def _with_arguments_as_text(message: Message) -> Message:
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in _of(message, "tool_calls")
    ]
    return {**message, "tool_calls": calls} if calls else message


_arguments_as_text = _each(_with_arguments_as_text)


def _one_call_a_turn(conversation: Conversation) -> Conversation:
    """Give each call a turn of its own, followed by its result, to families that make one call at a time."""
    messages: list[Message] = []
    pending: list[Message] = []
    for message in conversation.messages:
        if message["role"] == "tool":
            messages += _turns_answered_by(message, pending)
            messages.append(message)
            continue
        messages += pending
        pending = _turns_of_one_call(message)
        messages += [] if pending else [message]
    return replace(conversation, messages=[*messages, *pending])


def _turns_answered_by(result: Message, pending: list[Message]) -> list[Message]:
    """Take the turn that `result` answers out of those `pending`: the first, where it does not say which."""
    own = [turn for turn in pending if _of(turn, "tool_calls")[0].get("id") == result.get("tool_call_id")]
    answered = (own or pending)[:1]
    for turn in answered:
        pending.remove(turn)
    return answered


def _turns_of_one_call(message: Message) -> list[Message]:
    """Return a turn of calls as turns of one call; thinking and text stay with the first."""
    turns: list[Message] = [{**message, "tool_calls": [call]} for call in _of(message, "tool_calls")]
    bare = {name: value for name, value in message.items() if name != THINKING}
    return turns[:1] + [{**bare, "content": "", "tool_calls": turn["tool_calls"]} for turn in turns[1:]]


def _thinking_named(name: str) -> Change:
    def rename(message: Message) -> Message:
        if not message.get(THINKING):
            return message
        return {name: message[THINKING], **{key: value for key, value in message.items() if key != THINKING}}

    return _each(rename)


def _thinking_part(message: Message) -> Message:
    if not message.get(THINKING):
        return message
    parts = [{"type": "thinking", "thinking": message[THINKING]}]
    if message.get("content"):
        parts.append({"type": "text", "text": message["content"]})
    return {**{key: value for key, value in message.items() if key != THINKING}, "content": parts}


_thinking_as_part = _each(_thinking_part)


def _one_thought(message: Message) -> Message:
    if not (message.get(THINKING) and message.get("content") and message.get("tool_calls")):
        return message
    return {**message, THINKING: f"{message[THINKING]}\n\n{message['content']}", "content": ""}


_text_beside_calls_as_thinking = _both(_each(_one_thought), _thinking_named("thinking"))
"""gpt-oss' template takes either thinking or text beside a call."""


def _parts(message: Message) -> Message:
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message


_text_in_parts = _each(_parts)


def _tools_named(name: str) -> Change:
    return lambda conversation: replace(conversation, tools_name=name)
