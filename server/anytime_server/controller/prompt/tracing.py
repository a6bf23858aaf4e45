"""What of a conversation arrives in its rendering.

Templates drop what they have no place for, without a word: a second system message, a role, the tools, all calls but
the first. So a conversation is rendered once with tracers, unguessable words at both ends of each text, and the
tracers that are missing tell what was dropped, whatever the template does to the texts in between.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anytime_server.controller.prompt.conversation import Conversation
from anytime_server.controller.tokenizer import Message, Tool

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


@dataclass(frozen=True, slots=True)
class Tracers:
    """Tracers of one conversation, all of which begin with `salt`."""

    salt: str

    def into(self, conversation: Conversation) -> Conversation:
        """Return `conversation` with tracers in it."""
        return replace(
            conversation,
            messages=[self._message(index, message) for index, message in enumerate(conversation.messages)],
            tools=[self._tool(index, tool) for index, tool in enumerate(conversation.tools)],
        )

    def arrival(self, conversation: Conversation, rendering: str) -> Arrival:
        """Return what of `conversation`, which has no tracers, arrived in the rendering of the one that has."""
        pattern = re.compile(self.salt + r"([a-z])(\d+)(?:n(\d+))?x")
        found, end = set(), 0
        for match in pattern.finditer(rendering):
            found.add(match.groups())
            end = match.end()
        lost = [Lost(index, "tool") for index in range(len(conversation.tools)) if ("f", str(index), None) not in found]
        thoughts = 0
        for index, message in enumerate(conversation.messages):
            ends = [(end_kind, str(index), None) in found for end_kind in "ab"]
            if _has_text(message) and not _arrived(message, ends):
                lost.append(Lost(index, "message"))
            for number, call in enumerate(_calls(message)):
                if ("c", str(index), str(number)) not in found and not _named(call, rendering):
                    lost.append(Lost(index, "calls"))
            thoughts += bool(message.get(THINKING)) and ("t", str(index), None) not in found
        dump = re.search(r"""['"](text|thinking)['"]: ?['"]""" + self.salt, rendering)
        return Arrival(tuple(sorted(set(lost))), thoughts, rendering[end:], is_dump=dump is not None)

    def _message(self, index: int, message: Message) -> Message:
        traced: dict[str, Any] = dict(message)
        if _has_text(message):
            traced["content"] = f"{self._mark('a', index)}{message['content']}{self._mark('b', index)}"
        if message.get(THINKING):
            traced[THINKING] = f"{self._mark('t', index)}{message[THINKING]}{self._mark('t', index)}"
        if calls := _calls(message):
            traced["tool_calls"] = [
                {**call, "function": self._named(call["function"], self._mark("c", index, number))}
                for number, call in enumerate(calls)
            ]
        return traced

    def _tool(self, index: int, tool: Tool) -> Tool:
        function: Any = tool.get("function")
        return {**tool, "function": self._named(function, self._mark("f", index))}

    def _named(self, function: Mapping[str, Any], mark: str) -> Mapping[str, Any]:
        return {**function, "name": f"{function['name']}{mark}"}

    def _mark(self, kind: str, index: int, number: int | None = None) -> str:
        return f"{self.salt}{kind}{index}" + ("" if number is None else f"n{number}") + "x"


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


def _named(call: Mapping[str, Any], rendering: str) -> bool:
    """Some families name the function in the call's id alone."""
    name, id = call["function"]["name"], str(call.get("id") or "")
    return name in id and id in rendering
