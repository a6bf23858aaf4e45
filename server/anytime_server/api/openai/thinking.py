"""How much to think, in the words of the APIs that clients come from."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from anytime_client.protocol import ReasonOptions
from anytime_client.protocol.base import AlsoAs, Options
from anytime_client.protocol.bounds import MAX_TOKENS
from anytime_server.api.openai.effort import Effort

OTHER_EFFORTS = {"disable": "none", "disabled": "none", "off": "none"}
"""What LiteLLM and others call an effort."""

SERVERS_OWN = ("auto", "default")
"""Efforts that leave the budget to the server."""


def _effort_as_sent(value: Any) -> Any:
    """Return an effort as OpenAI names it, None where it is left to the server; `{"effort": ...}` will do."""
    if isinstance(value, dict) and "effort" in value and set(value) <= {"effort", "summary"}:
        value = value["effort"]
    if not isinstance(value, str):
        return value
    return None if value in SERVERS_OWN else OTHER_EFFORTS.get(value, value)


AskedEffort = Annotated[
    Effort | None, AlsoAs(_effort_as_sent, ({"enum": [*OTHER_EFFORTS, *SERVERS_OWN]}, {"type": "object"}))
]
"""An effort, and other ways to write one."""


class Thinking(Options):
    """The thinking, as Anthropic's clients ask for it."""

    type: Literal["enabled", "disabled", "adaptive"] = Field(description="disabled is a budget of 0")
    budget_tokens: int | None = Field(
        default=None, ge=0, le=MAX_TOKENS, description="the budget; default: the server's"
    )
    display: Literal["summarized", "omitted"] | None = Field(
        default=None, description="omitted leaves the thinking out of the response"
    )

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.type == "disabled" and self.budget_tokens:
            raise ValueError("thinking that is disabled has no budget_tokens; leave them out, or say enabled")
        return self


class ThinkingWords(ReasonOptions):
    """Ways to name the budget that every route of OpenAI's takes, beside the budget's own names."""

    reasoning_effort: AskedEffort = Field(default=None, description="a budget, by the server's map")
    thinking: Thinking | None = Field(default=None, description="the budget in Anthropic's words")
    enable_thinking: bool | None = Field(default=None, description="false is a budget of 0, as in Qwen's API")
