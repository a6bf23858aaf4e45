"""What of a conversation arrives in its rendering.

Templates drop what they have no place for, without a word: a second system message, a role, the tools, all calls but
the first. So a conversation is rendered once with tracers, unguessable words at both ends of each text, and the
tracers that are missing tell what was dropped, whatever the template does to the texts in between.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anytime_server.controller.prompt.conversation import Conversation
from anytime_server.controller.tokenizer import Message

_SALT = secrets.token_hex(8)
_TRACER = re.compile(_SALT + r"[a-z]\d+n\d+x")
_DUMP = re.compile(r"""['"](text|thinking)['"]: ?['"]""" + _SALT)

THINKING = "reasoning_content"
"""The field under which a conversation has the thinking of an assistant's turn."""


@dataclass(frozen=True, order=True, slots=True)
class Lost:
    """Something that a rendering does not hold.

    Attributes:
        kind: a message's text, the calls of an assistant's turn, or a tool.
        index: of the message or of the tool.
    """

    index: int
    kind: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a conversation in a rendering.

    Attributes:
        lost: what a prompt can't do without.
        is_dump: whether the template wrote down a list of parts as such, since it reads no parts.
        thoughts: how many turns' thinking did not arrive; families drop it by design.
        tail: what the template writes after the last thing that is said: the generation prompt.
    """

    lost: tuple[Lost, ...]
    thoughts: int
    tail: str
    is_dump: bool = False


def traced(conversation: Conversation) -> Conversation:
    """Return `conversation` with tracers in it."""
    return replace(
        conversation,
        messages=[_traced_message(index, message) for index, message in enumerate(conversation.messages)],
        tools=[_renamed(tool, _mark("f", index)) for index, tool in enumerate(conversation.tools)],
    )


def without_tracers(text: str) -> str:
    """Return what a template wrote, an error for one, without the tracers in it."""
    return _TRACER.sub("", text)


def arrival(conversation: Conversation, rendering: str, ignored_roles: Sequence[str] = ()) -> Arrival:
    """Return what of `conversation`, which has no tracers, arrived in the rendering of the one that has.

    What the `ignored_roles` say need not arrive.
    """
    found, end = set(), 0
    for match in _TRACER.finditer(rendering):
        found.add(match.group())
        end = match.end()
    lost = [Lost(index, "tool") for index in range(len(conversation.tools)) if _mark("f", index) not in found]
    thoughts = 0
    for index, message in enumerate(conversation.messages):
        ends = [_mark(kind, index) in found for kind in "ab"]
        if _has_text(message) and message["role"] not in ignored_roles and not _arrived(message, ends):
            lost.append(Lost(index, "message"))
        for number, call in enumerate(_calls(message)):
            if _mark("c", index, number) not in found and not _is_named_in_id(call, rendering):
                lost.append(Lost(index, "calls"))
        thoughts += bool(message.get(THINKING)) and _mark("t", index) not in found
    return Arrival(tuple(sorted(set(lost))), thoughts, rendering[end:], is_dump=_DUMP.search(rendering) is not None)


def _traced_message(index: int, message: Message) -> Message:
    traced: dict[str, Any] = dict(message)
    if _has_text(message):
        traced["content"] = f"{_mark('a', index)}{message['content']}{_mark('b', index)}"
    if message.get(THINKING):
        traced[THINKING] = f"{_mark('t', index)}{message[THINKING]}{_mark('t', index)}"
    if calls := _calls(message):
        traced["tool_calls"] = [_renamed(call, _mark("c", index, number)) for number, call in enumerate(calls)]
    return traced


def _renamed(holder: Mapping[str, Any], mark: str) -> Mapping[str, Any]:
    """Return a tool, or a call, with `mark` behind its function's name."""
    function: Mapping[str, Any] = holder["function"]
    return {**holder, "function": {**function, "name": f"{function['name']}{mark}"}}


def _mark(kind: str, index: int, number: int = 0) -> str:
    return f"{_SALT}{kind}{index}n{number}x"


def _has_text(message: Message) -> bool:
    return bool(str(message.get("content") or "").strip())


def _arrived(message: Message, ends: Sequence[bool]) -> bool:
    """An assistant's earlier text may be trimmed, or left out beside its calls; any other must be there as a whole."""
    if message["role"] == "assistant":
        return any(ends) or bool(_calls(message))
    return all(ends)


def _calls(message: Message) -> Sequence[Mapping[str, Any]]:
    calls: Any = message.get("tool_calls")
    return calls or ()


def _is_named_in_id(call: Mapping[str, Any], rendering: str) -> bool:
    """Some families name the function in the call's id alone."""
    name, id = call["function"]["name"], str(call.get("id") or "")
    return name in id and id in rendering
