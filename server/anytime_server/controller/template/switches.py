"""The variables by which the chat templates of the families switch thinking on and off."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Switch:
    """A variable, and its values for thinking and for none."""

    name: str
    on: bool | str = True
    off: bool | str = False

    def is_read_by(self, template: str) -> bool:
        """Whether `template` reads it; a value that is a text has to stand there too, in quotes."""
        spelled = self.on is True or f"'{self.on}'" in template or f'"{self.on}"' in template
        return spelled and self.name in words_of(template)


SWITCHES = (
    Switch("enable_thinking"),
    Switch("thinking"),
    Switch("enable_reasoning"),
    Switch("reasoning"),
    Switch("thinking_mode", "enabled", "disabled"),
    Switch("thinking_mode", "on", "off"),
)
"""Qwen3, GLM, SmolLM3, Nemotron, Gemma 4 and many others; DeepSeek-V3.1, Granite, Kimi; Command A; MiniMax-M3."""

BUDGET_VARIABLE = "thinking_budget"
"""Under this name Seed-OSS' template is told the thinking tokens."""


@lru_cache(maxsize=32)
def words_of(template: str | None) -> frozenset[str]:
    """Return the words of a template's source: it reads no variable and no field that is not among them."""
    return frozenset(re.findall(r"\w+", template or ""))


def switched(template: str | None, *, on: bool) -> Mapping[str, object]:
    """Return the switches that `template` reads, all of them on or all of them off."""
    read = [switch for switch in SWITCHES if switch.is_read_by(template or "")]
    return {switch.name: switch.on if on else switch.off for switch in reversed(read)}
