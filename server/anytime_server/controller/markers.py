"""The markers, closings and cues of the model families, as text."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anytime_server.controller.errors import FormatError

QWEN_CLOSING = (
    "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly now.\n"
)
ELLIPSIS_CLOSING = "...\n\n...\n\n"
HARMONY_TURN = "<|end|><|start|>assistant"
DECLARABLE = frozenset({"open", "close", "opening", "closing", "cue", "wrapper"})
"""What a `thinking_format` entry may hold."""
FINAL_ANSWER_CUE = "\n\n**Final Answer**\n"


@dataclass(frozen=True, slots=True)
class ThinkingMarkers:
    """How a model family writes its thinking.

    `open` and `close` delimit it; `opening` is `open` as the family writes it at the end of a prompt (often with a
    newline); `closing` is the text put before `close` when thinking is cut; `cue` starts a short answer after `close`.

    A family that writes channels ends its thinking by any of several `headers`, each of which goes on up to
    `header_end`; `close` is the one that is forced. `more_thinking` is a header inside the thinking, which is no text
    of it. `reopen` is what opens the thinking again, if that is not `open`. `wrapper` are tags that some families put
    around their answer.
    """

    open: str
    close: str
    opening: str
    closing: str = ELLIPSIS_CLOSING
    cue: str = FINAL_ANSWER_CUE
    headers: tuple[str, ...] = ()
    header_end: str = ""
    more_thinking: str = ""
    reopen: str = ""
    wrapper: tuple[str, str] | None = None

    @property
    def closers(self) -> tuple[str, ...]:
        """What ends the thinking where the text spells it; the first one is how `close` begins."""
        return self.headers or (self.close,)

    @property
    def reopener(self) -> str:
        """What would open the thinking again in an answer."""
        return self.reopen or self.open.rstrip()


THINK_TAGS = ThinkingMarkers(open="<think>", close="</think>", opening="<think>\n")

PRESETS: Mapping[str, ThinkingMarkers] = {
    "deepseek-r1": THINK_TAGS,
    "qwen3": ThinkingMarkers(open="<think>", close="</think>", opening="<think>\n", closing=QWEN_CLOSING),
    "magistral": ThinkingMarkers(open="[THINK]", close="[/THINK]", opening="[THINK]"),
    "seed-oss": ThinkingMarkers(open="<seed:think>", close="</seed:think>", opening="<seed:think>"),
    "gpt-oss": ThinkingMarkers(
        open="<|channel|>analysis<|message|>",
        close=f"{HARMONY_TURN}<|channel|>final<|message|>",
        opening="<|channel|>analysis<|message|>",
        cue="**Final Answer**\n",
        headers=tuple(
            HARMONY_TURN + header
            for header in (
                "<|channel|>final",
                "<|channel|>commentary",
                "<|channel|>analysis to=",
                " to=",
            )
        ),
        header_end="<|message|>",
        more_thinking=f"{HARMONY_TURN}<|channel|>analysis<|message|>",
        reopen="<|channel|>analysis",
    ),
    "granite": replace(THINK_TAGS, wrapper=("<response>", "</response>")),
    "hunyuan": replace(THINK_TAGS, wrapper=("<answer>", "</answer>")),
    "exaone-deep": ThinkingMarkers(open="<thought>", close="</thought>", opening="<thought>\n"),
    "gemma4": ThinkingMarkers(open="<|channel>thought\n", close="<channel|>", opening="<|channel>thought\n"),
    "command-a": ThinkingMarkers(
        open="<|START_THINKING|>",
        close="<|END_THINKING|>",
        opening="<|START_THINKING|>",
        wrapper=("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ),
    "apertus": ThinkingMarkers(open="<|inner_prefix|>", close="<|inner_suffix|>", opening="<|inner_prefix|>"),
    "apriel": ThinkingMarkers(
        open="Here are my reasoning steps:\n",
        close="[BEGIN FINAL RESPONSE]",
        opening="Here are my reasoning steps:\n",
    ),
    "solar-open": ThinkingMarkers(
        open="<|think|>", close="<|end|><|begin|>assistant<|content|>", opening="<|think|>", cue="**Final Answer**\n"
    ),
    "minimax-m3": ThinkingMarkers(open="<mm:think>", close="</mm:think>", opening="<mm:think>"),
    "kimi-vl": ThinkingMarkers(open="◁think▷", close="◁/think▷", opening="◁think▷"),
    "kimi-k3": ThinkingMarkers(
        open="<|open|>think<|sep|>",
        close="<|close|>think<|sep|>",
        opening="<|open|>think<|sep|>",
        wrapper=("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
    ),
    "think-tags": THINK_TAGS,
}
"""Families by name; `think-tags` is any other model that thinks between `<think>` and `</think>`."""


def declared(entry: Mapping[str, object]) -> ThinkingMarkers:
    """Read a `thinking_format` entry: `open` and `close` are required, the rest has defaults.

    Raises:
        FormatError: naming the key that is missing, unknown or no text.
    """
    if unknown := set(entry) - DECLARABLE:
        takes = ", ".join(sorted(DECLARABLE))
        raise FormatError(f"thinking_format has unknown keys: {', '.join(sorted(unknown))}; it takes {takes}")
    if missing := {"open", "close"} - set(entry):
        raise FormatError(f"thinking_format lacks {' and '.join(sorted(missing, reverse=True))}")
    values: dict[str, Any] = dict(entry)
    for key, value in values.items():
        if key == "wrapper":
            values[key] = _pair(value)
        elif not isinstance(value, str):
            raise FormatError(f"thinking_format.{key} must be a text, not {value!r}")
    for key in ("open", "close"):
        if not values[key].strip():
            raise FormatError(f"thinking_format.{key} is empty")
    return ThinkingMarkers(**{"opening": values["open"], **values})


def _pair(value: object) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(isinstance(text, str) for text in value):
        raise FormatError(f"thinking_format.wrapper must be a list of two texts, not {value!r}")
    return value[0], value[1]
