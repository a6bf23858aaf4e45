"""A response as it comes into being: its output items, and the events that tell of them."""

import itertools
from dataclasses import dataclass
from typing import Any

from anytime_client.protocol import ReasonDocument, ToolCall
from anytime_server.api.openai.chat_request import ChatRequest, TextFormat
from anytime_server.api.openai.chat_response import anytime_of, finish_reason, was_cut
from anytime_server.api.openai.responses.request import NamedTool, ResponsesRequest, TextOptions
from anytime_server.api.openai.responses.tools import CustomTool, custom_input
from anytime_server.api.openai.tools import Form, Piece, parser_for
from anytime_server.api.openai.trimmed import Trimmed
from anytime_server.api.openai.usage import usage_of
from anytime_server.errors import AnytimeError

Events = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CallKind:
    """How a call of a kind of tool is told: its item's type and id, what it is given, and the events of that."""

    item: str
    prefix: str
    field: str
    event: str


FUNCTION_CALL = CallKind("function_call", "fc", "arguments", "response.function_call_arguments")
CUSTOM_CALL = CallKind("custom_tool_call", "ctc", "input", "response.custom_tool_call_input")
CALLS = {kind.item: kind for kind in (FUNCTION_CALL, CUSTOM_CALL)}


class ResponseBuilder:
    """Fed with text as it comes; each method returns the events that follow. `response` is the state so far.

    One item is open at a time: the reasoning, then the message, then each function call.
    """

    def __init__(
        self, request: ResponsesRequest, chat: ChatRequest, form: Form, id: str, model: str, created: int
    ) -> None:
        """Start with no output, of a model that writes its calls in `form`."""
        self._numbers = itertools.count()
        self._id = id
        self._answer = Trimmed()
        self._custom = {tool.name for tool in request.offered if isinstance(tool, CustomTool)}
        self._left_out = request.left_out
        self._parser = parser_for(form, chat)
        self._open: dict[str, Any] | None = None
        self._called = False
        self.response: dict[str, Any] = {
            "id": id,
            "object": "response",
            "created_at": created,
            "model": model,
            "status": "in_progress",
            "output": [],
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "parallel_tool_calls": chat.parallel_tool_calls,
            "previous_response_id": None,
            "reasoning": request.reasoning.model_dump(),
            "store": False,
            "temperature": request.temperature,
            "text": _text_options(request.text),
            "tool_choice": _tool_choice(request.tool_choice),
            "tools": [tool.model_dump() for tool in request.offered],
            "top_p": request.top_p,
            "truncation": "disabled",
            "usage": None,
            "metadata": request.metadata or {},
        }

    def begin(self) -> Events:
        """Tell that the response is under way."""
        return [self._of_response("response.created"), self._of_response("response.in_progress")]

    def think(self, delta: str) -> Events:
        """Take in thinking."""
        if not delta:
            return []
        opened = [] if self._is_open("reasoning") else self._open_text("reasoning", "rs", "reasoning_text", summary=[])
        return [*opened, *self._grow("reasoning_text", delta)]

    def answer(self, delta: str) -> Events:
        """Take in a part of the answer."""
        return self._content(self._parser.feed(delta))

    def end(self, document: ReasonDocument) -> Events:
        """Take in how it ended."""
        rest = self._content(self._parser.finish(cut=was_cut(document)))
        usage = usage_of([document])
        cut = finish_reason(document, called=self._called) == "length"
        closed = [*rest, *self._close("incomplete" if cut else "completed")]
        self.response |= {
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "usage": {
                "input_tokens": usage["prompt_tokens"],
                "input_tokens_details": {**usage["prompt_tokens_details"], "cache_write_tokens": 0},
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": usage["completion_tokens_details"],
                "total_tokens": usage["total_tokens"],
            },
            "anytime": {**anytime_of(document), "tools_left_out": self._left_out},
        }
        return [*closed, self._of_response(f"response.{self.response['status']}")]

    def fail(self, error: AnytimeError) -> Events:
        """Take in that there will be no answer."""
        closed = self._close("incomplete")
        self.response |= {"status": "failed", "error": {"code": error.code or error.type, "message": error.message}}
        return [*closed, self._of_response("response.failed")]

    def _content(self, piece: Piece) -> Events:
        return [event for part in piece.parts for event in self._part_of_answer(part)]

    def _part_of_answer(self, part: str | ToolCall) -> Events:
        if not isinstance(part, str):
            self._answer = Trimmed()
            return self._call(part)
        if not (text := self._answer.feed(part)):
            return []
        opened = [] if self._is_open("message") else self._open_text("message", "msg", "output_text", role="assistant")
        return [*opened, *self._grow("output_text", text)]

    def _open_text(self, kind: str, prefix: str, part: str, **fields: Any) -> Events:
        """Open an item whose content is one part of text."""
        index = len(self.response["output"])
        item = {"id": f"{prefix}_{self._id}_{index}", "type": kind, "status": "in_progress", "content": [], **fields}
        opened = [*self._close(), *self._add(item)]
        item["content"] = [_part(part, "")]
        return [*opened, self._of_part("response.content_part.added", part=_part(part, ""))]

    def _grow(self, part: str, delta: str) -> Events:
        assert self._open is not None
        self._open["content"] = [_part(part, self._open["content"][0]["text"] + delta)]
        extra: dict[str, Any] = {"logprobs": []} if part == "output_text" else {}
        return [self._of_part(f"response.{part}.delta", delta=delta, **extra)]

    def _call(self, call: ToolCall) -> Events:
        self._called = True
        custom = call.function.name in self._custom
        kind = CUSTOM_CALL if custom else FUNCTION_CALL
        text = custom_input(call) if custom else call.function.arguments
        function = {"name": call.function.name, "call_id": call.id}
        item = {
            "id": f"{kind.prefix}_{call.id}",
            "type": kind.item,
            "status": "in_progress",
            kind.field: "",
            **function,
        }
        told = [*self._close(), *self._add(item)]
        item[kind.field] = text
        told.append(self._of_item(f"{kind.event}.delta", delta=text))
        return [*told, *self._close()]

    def _add(self, item: dict[str, Any]) -> Events:
        self._open = item
        self.response["output"] = [*self.response["output"], item]
        return [self._of_item("response.output_item.added", item=dict(item), item_id=None)]

    def _close(self, status: str = "completed") -> Events:
        """Close the open item, if there is one."""
        if (item := self._open) is None:
            return []
        told: Events = []
        if (kind := CALLS.get(item["type"])) is not None:
            told.append(self._of_item(f"{kind.event}.done", **{kind.field: item[kind.field], "name": item["name"]}))
        else:
            (part,) = item["content"]
            extra: dict[str, Any] = {"logprobs": []} if part["type"] == "output_text" else {}
            told.append(self._of_part(f"response.{part['type']}.done", text=part["text"], **extra))
            told.append(self._of_part("response.content_part.done", part=part))
        item["status"] = status
        told.append(self._of_item("response.output_item.done", item=dict(item), item_id=None))
        self._open = None
        return told

    def _is_open(self, kind: str) -> bool:
        return self._open is not None and self._open["type"] == kind

    def _of_response(self, type: str) -> dict[str, Any]:
        return self._event(type, response=dict(self.response))

    def _of_part(self, type: str, **fields: Any) -> dict[str, Any]:
        return self._of_item(type, content_index=0, **fields)

    def _of_item(self, type: str, **fields: Any) -> dict[str, Any]:
        """An event of the open item; those that hold the item itself don't name it."""
        assert self._open is not None
        named = {"output_index": len(self.response["output"]) - 1, "item_id": self._open["id"], **fields}
        return self._event(type, **{name: value for name, value in named.items() if value is not None})

    def _event(self, type: str, **fields: Any) -> dict[str, Any]:
        return {"type": type, "sequence_number": next(self._numbers), **fields}


def _tool_choice(choice: str | NamedTool) -> str | dict[str, Any]:
    return choice.model_dump() if isinstance(choice, NamedTool) else choice


def _text_options(options: TextOptions) -> dict[str, Any]:
    format = options.format or TextFormat(type="text")
    verbosity = {} if options.verbosity is None else {"verbosity": options.verbosity}
    return {"format": format.model_dump(by_alias=True), **verbosity}


def _part(type: str, text: str) -> dict[str, Any]:
    extra: dict[str, Any] = {"annotations": [], "logprobs": []} if type == "output_text" else {}
    return {"type": type, "text": text, **extra}
