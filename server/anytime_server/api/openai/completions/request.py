"""The body of `POST /v1/completions`, and the sessions' requests that it amounts to."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from anytime_client.protocol import (
    BUDGET_ALIASES,
    SEEDS,
    NonEmptyText,
    ReasonOptions,
    ReasonRequest,
    StructuredOutputs,
    Temperature,
    Text,
)
from anytime_client.protocol.base import Options, list_or_text
from anytime_client.protocol.bounds import MAX_TOKENS
from anytime_client.protocol.foreign import OPEN_BY_MINUS_ONE, refuse_guided
from anytime_client.protocol.options import Stop
from anytime_server.api.errors import as_invalid_request
from anytime_server.api.openai.chat_request import MAX_CHOICES, StreamOptions
from anytime_server.api.openai.neutral import CHAT_FIELDS, Neutral, without_neutral, without_null
from anytime_server.api.sent_names import as_sent

DEFAULT_TOKENS = 16
"""Of a completion whose length is not given, as OpenAI and vLLM have it."""

NAMES = {"max_completion_tokens": "max_tokens", "top_logprobs": "logprobs"}
"""What fields of a session's request are called here."""

NO_BUDGET = "text is continued as it stands, without a thinking budget; take /v1/chat/completions, or POST /reason"
SWITCHED_OFF: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(("budget", *BUDGET_ALIASES, "min_budget"), (0,)),
    "chat_template_kwargs": ({},),
    "checkpoints": ([], "none"),
    "enable_thinking": (False,),
    "include_reasoning": (True, False),
    "reasoning_effort": ("none",),
}
"""Fields about the thinking, with the values that ask for none."""

FIELDS: Mapping[str, Neutral] = {
    **CHAT_FIELDS,
    **{name: Neutral(SWITCHED_OFF.get(name, ()), NO_BUDGET) for name in ("reasoning", "thinking", *SWITCHED_OFF)},
    **{name: Neutral((), NO_BUDGET) for name in ("answer", "closing", "cue", "deadline_ms", "interim", "stop_when")},
    "messages": Neutral((), "take /v1/chat/completions for a conversation"),
    "prompt_embeds": Neutral((), "the model reads text only; leave it out"),
    "suffix": Neutral(("",), "text is continued, not filled in; leave it out"),
    "tools": Neutral(([],), "take /v1/chat/completions for tools"),
}

MAX_PROMPTS = 1024
Ids = Annotated[list[Annotated[int, Field(ge=0, le=MAX_TOKENS)]], Field(min_length=1, fail_fast=True)]


def _kind(prompt: Any) -> str:
    """Tell a text, the ids of one, and several of them apart."""
    if not isinstance(prompt, list):
        return "string"
    return "ids" if prompt and isinstance(prompt[0], int) else "list"


One = Annotated[Annotated[NonEmptyText, Tag("string")] | Annotated[Ids, Tag("list")], Discriminator(list_or_text)]
Prompt = Annotated[
    Annotated[NonEmptyText, Tag("string")]
    | Annotated[Ids, Tag("ids")]
    | Annotated[list[One], Field(min_length=1, max_length=MAX_PROMPTS, fail_fast=True), Tag("list")],
    Discriminator(_kind),
]
Shared = ReasonOptions.model_fields


class CompletionRequest(Options):
    """Text to continue."""

    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    prompt: Prompt = Field(description="a text or its token ids, or several of them")
    max_tokens: Annotated[Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=DEFAULT_TOKENS, description="the most tokens of each choice; -1: as many as fit"
    )
    n: int = Field(default=1, ge=1, le=MAX_CHOICES, description="choices of each prompt")
    stream: bool = Field(default=False, description="answer with chunks as server-sent events")
    stream_options: StreamOptions = Field(default=StreamOptions(), description="what a stream holds")
    temperature: Temperature | None = Field(default=None, description=Shared["temperature"].description)
    top_p: float | None = Field(default=None, gt=0, le=1, description=Shared["top_p"].description)
    top_k: int | None = Field(default=None, ge=-1, le=MAX_TOKENS, description=Shared["top_k"].description)
    min_p: float | None = Field(default=None, ge=0, le=1, description=Shared["min_p"].description)
    seed: Annotated[Annotated[int, Field(ge=0, lt=SEEDS)] | None, OPEN_BY_MINUS_ONE] = Field(
        default=None, description=Shared["seed"].description
    )
    stop: Stop | None = Field(default=None, description="strings that end a choice")
    logprobs: int | None = Field(default=None, ge=0, le=20, description="report this many likely tokens at each place")
    structured_outputs: StructuredOutputs | None = Field(default=None, description="what the text must look like")
    add_special_tokens: bool = Field(default=True, description="begin a text as the model's tokenizer begins texts")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = without_null(data)
        if "best_of" in given and given["best_of"] == given.get("n", 1):
            del given["best_of"]
        refuse_guided(given)
        return without_neutral(given, FIELDS, cls.model_fields)

    @property
    def prompts(self) -> list[Text | list[int]]:
        """The prompts, each a text or token ids."""
        if isinstance(self.prompt, str) or isinstance(self.prompt[0], int):
            return [self.prompt]
        return list(self.prompt)

    def reason_request(self, text: str) -> ReasonRequest:
        """Return the session's request for one prompt, whose text is `text`.

        Raises:
            InvalidRequest: if a field can't be honoured.
        """
        same = ("model", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "structured_outputs")
        fields: dict[str, Any] = {name: getattr(self, name) for name in same}
        fields |= {"max_completion_tokens": self.max_tokens, "logprobs": self.logprobs is not None}
        fields |= {"top_logprobs": self.logprobs or 0, "budget": 0, "checkpoints": [], "stop_when": None}
        try:
            checked = ReasonRequest(prompt="text", deadline_ms=None, **fields)
        except ValidationError as error:
            raise as_sent(as_invalid_request(error.errors()), NAMES) from error
        # A text to continue may be white space, which is no question.
        return checked.model_copy(update={"prompt": text})
