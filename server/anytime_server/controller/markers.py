"""The markers, closings and cues of the model families, as text."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from anytime_server.controller.errors import FormatError
from anytime_server.controller.tokenizer import Tokenizer

QWEN_CLOSING = (
    "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly now.\n"
)
ELLIPSIS_CLOSING = "...\n\n...\n\n"
HARMONY_TURN = "<|end|><|start|>assistant"
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
    "think-tags": THINK_TAGS,
}
"""Families by name; `think-tags` is any other model that thinks between `<think>` and `</think>`."""


def detect(tokenizer: Tokenizer) -> ThinkingMarkers:
    """Return the markers of the model behind `tokenizer`.

    A `thinking_format` entry in the tokenizer's config decides; else the tokens of its vocabulary; else markers that
    its chat template spells out.

    Raises:
        FormatError: if the model shows none of the known markers.
    """
    if tokenizer.declared_format is not None:
        return declared(tokenizer.declared_format)
    template = tokenizer.chat_template or ""
    if tokenizer.is_token("<seed:think>") and tokenizer.is_token("</seed:think>"):
        return PRESETS["seed-oss"]
    if tokenizer.is_token("[THINK]") and tokenizer.is_token("[/THINK]"):
        return PRESETS["magistral"]
    if tokenizer.is_token("<|channel|>") and tokenizer.is_token("<|start|>"):
        return PRESETS["gpt-oss"]
    if tokenizer.is_token("</think>") or "</think>" in template:
        return _think_tag_family(tokenizer)
    raise FormatError(
        "no thinking markers found in the tokenizer's vocabulary or chat template, so this model can't be given a "
        f"thinking budget; if it does think, name its format with --thinking-format ({', '.join(PRESETS)}) or add a "
        '"thinking_format" entry with "open" and "close" to its tokenizer_config.json'
    )


def declared(entry: Mapping[str, str]) -> ThinkingMarkers:
    """Read a `thinking_format` entry: `open` and `close` are required, the rest has defaults."""
    known = {field.name for field in fields(ThinkingMarkers) if field.type == "str" or field.type is str}
    if unknown := set(entry) - known:
        raise FormatError(f"thinking_format has unknown keys {sorted(unknown)}; it takes {sorted(known)}")
    if missing := {"open", "close"} - set(entry):
        raise FormatError(f"thinking_format lacks {sorted(missing)}")
    values = dict(entry)
    return ThinkingMarkers(**{"opening": values["open"], **values})


def _think_tag_family(tokenizer: Tokenizer) -> ThinkingMarkers:
    """Tell apart the families that share `<think>` by their turn markers."""
    if tokenizer.is_token("<｜Assistant｜>"):
        return PRESETS["deepseek-r1"]
    if tokenizer.is_token("<|im_start|>"):
        return PRESETS["qwen3"]
    return PRESETS["think-tags"]
