"""The markers of the model behind a tokenizer."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from anytime_server.controller.errors import FormatError
from anytime_server.controller.markers import PRESETS, ThinkingMarkers, declared
from anytime_server.controller.template.probing import generation_prompt, learned_opening
from anytime_server.controller.tokenizer import Tokenizer

AUTO = "auto"

OWN_TOKENS: Mapping[str, Sequence[str]] = {
    "seed-oss": ("<seed:think>", "</seed:think>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "gpt-oss": ("<|channel|>", "<|start|>"),
    "gemma4": ("<|channel>", "<channel|>"),
    "command-a": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "apertus": ("<|inner_prefix|>", "<|inner_suffix|>"),
    "solar-open": ("<|think|>", "<|begin|>", "<|content|>"),
    "kimi-k3": ("<|open|>", "<|close|>", "<|sep|>"),
    "minimax-m3": ("<mm:think>", "</mm:think>"),
    "kimi-vl": ("◁think▷", "◁/think▷"),
}
"""Tokens of a vocabulary that give its family away."""

WRAPPED: Mapping[str, str] = {"<response>": "granite", "<answer>": "hunyuan"}
"""Wrappers of answers that templates spell beside think tags."""


def check_format_name(name: str) -> None:
    """Check that `name` is a preset's, `auto`, or markers as JSON, before a tokenizer is there to resolve it.

    Raises:
        FormatError: if it is none of them.
    """
    if not _is_json(name) and name != AUTO and name not in PRESETS:
        raise FormatError(
            f"unknown thinking format {name!r}; known: {AUTO}, {', '.join(PRESETS)}, or markers as JSON such as "
            '{"open": "<think>", "close": "</think>"}'
        )
    if _is_json(name):
        declared(_parsed(name))


def markers_of(tokenizer: Tokenizer, name: str = AUTO) -> ThinkingMarkers:
    """Return the markers that `name` stands for: a preset's, those given as JSON, or the detected ones for `auto`.

    Raises:
        FormatError: if it stands for none.
    """
    check_format_name(name)
    if _is_json(name):
        return _from_entry(tokenizer, _parsed(name))
    return detect(tokenizer) if name == AUTO else _as_written(tokenizer, PRESETS[name])


def detect(tokenizer: Tokenizer) -> ThinkingMarkers:
    """Return the markers of the model behind `tokenizer`.

    A `thinking_format` entry in the tokenizer's config decides; else the tokens of its vocabulary; else what its chat
    template spells at the end of a prompt or elsewhere.

    Raises:
        FormatError: if the model shows none of the known markers.
    """
    if tokenizer.declared_format is not None:
        return _from_entry(tokenizer, tokenizer.declared_format)
    for name, tokens in OWN_TOKENS.items():
        if all(tokenizer.is_token(token) for token in tokens):
            return _as_written(tokenizer, PRESETS[name])
    end = generation_prompt(tokenizer).rstrip()
    template = tokenizer.chat_template or ""
    for name in ("exaone-deep", "apriel"):
        markers = PRESETS[name]
        if end.endswith(markers.open.strip()) or (tokenizer.is_token(markers.open) and markers.close in template):
            return _as_written(tokenizer, markers)
    if tokenizer.is_token("</think>") or "</think>" in template or end.endswith("<think>"):
        return _as_written(tokenizer, PRESETS[_think_tag_family(tokenizer.is_token, template)])
    raise FormatError(
        "no thinking markers found in the tokenizer's vocabulary or chat template, so this model can't be given a "
        f"thinking budget; if it does think, name its format with --thinking-format ({', '.join(PRESETS)}), or give "
        'its markers there as JSON, {"open": ..., "close": ...}'
    )


def _as_written(tokenizer: Tokenizer, markers: ThinkingMarkers) -> ThinkingMarkers:
    """Return `markers` with the white space around the open marker that the template itself writes."""
    return replace(markers, opening=learned_opening(tokenizer, markers) or markers.opening)


def _from_entry(tokenizer: Tokenizer, entry: Mapping[str, object]) -> ThinkingMarkers:
    markers = declared(entry)
    return markers if "opening" in entry else _as_written(tokenizer, markers)


def _think_tag_family(is_token: Callable[[str], bool], template: str) -> str:
    """Tell apart the families that share `<think>`, by how they wrap answers and by their turn markers."""
    for wrapper, family in WRAPPED.items():
        if wrapper in template:
            return family
    if is_token("<｜Assistant｜>"):
        return "deepseek-r1"
    return "qwen3" if is_token("<|im_start|>") else "think-tags"


def _is_json(name: str) -> bool:
    return name.lstrip().startswith("{")


def _parsed(text: str) -> Mapping[str, object]:
    try:
        entry = json.loads(text)
    except ValueError as error:
        raise FormatError(f"the thinking format is no JSON object: {error}") from None
    if not isinstance(entry, dict):
        raise FormatError("the thinking format is no JSON object")
    return entry
