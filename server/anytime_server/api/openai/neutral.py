"""Fields of OpenAI's API that are accepted with the values that change nothing, and refused with any other.

Clients send many of them by habit. What a field would do and this server can't is said in its remedy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anytime_client.protocol import FieldError


@dataclass(frozen=True, slots=True)
class Neutral:
    """The values of a field that change nothing (None for every value), and what to do instead of any other."""

    values: tuple[object, ...] | None
    remedy: str = "leave it out"


BOOKKEEPING = Neutral(None)
"""Says something about the caller, not about the answer: any value will do."""

NO_PENALTY = "penalties would act on the thinking too; leave it out or 0"

CHAT_FIELDS: Mapping[str, Neutral] = {
    "metadata": BOOKKEEPING,
    "prompt_cache_key": BOOKKEEPING,
    "prompt_cache_retention": BOOKKEEPING,
    "safety_identifier": BOOKKEEPING,
    "user": BOOKKEEPING,
    "audio": Neutral((), "the model writes text only; leave it out"),
    "frequency_penalty": Neutral((0,), NO_PENALTY),
    "function_call": Neutral(("auto", "none"), "give tools and tool_choice"),
    "functions": Neutral(([],), "give tools"),
    "ignore_eos": Neutral((False,), "answers end where the model ends them"),
    "logit_bias": Neutral(({},), "it can't be honoured; leave it out"),
    "modalities": Neutral((["text"],), 'the model writes text only; leave it out or ["text"]'),
    "prediction": Neutral((), "predicted outputs can't be honoured; leave it out"),
    "presence_penalty": Neutral((0,), NO_PENALTY),
    "repetition_penalty": Neutral((1,), "penalties would act on the thinking too; leave it out or 1"),
    "service_tier": Neutral(("auto", "default"), 'there is one tier; leave it out or "auto"'),
    "store": Neutral((False,), "completions are kept for a while, not stored; leave it out or false"),
    "verbosity": Neutral(("medium",), "say in the prompt how long the answer should be"),
    "web_search_options": Neutral((), "there is no web search; leave it out"),
}


def without_neutral(data: Mapping[str, Any], fields: Mapping[str, Neutral]) -> dict[str, Any]:
    """Return `data` without the fields that are neutral in it.

    Raises:
        FieldError: for one with a value that would have to change something.
    """
    for name, neutral in fields.items():
        value = data.get(name)
        if value is not None and neutral.values is not None and value not in neutral.values:
            raise FieldError(name, f"{neutral.remedy} (not {value!r})")
    return {name: value for name, value in data.items() if name not in fields}
