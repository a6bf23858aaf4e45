"""Fields of OpenAI's and vLLM's API that are accepted with the values that change nothing, and refused with any other.

Clients send many of them by habit. What a field would do and this server can't is said in its remedy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from anytime_client.protocol import FieldError

SHOWN = 60


@dataclass(frozen=True, slots=True)
class Neutral:
    """The values of a field that change nothing (None for every value), and what to do instead of any other."""

    values: tuple[object, ...] | None
    remedy: str = "leave it out"

    def takes(self, value: object) -> bool:
        """Return whether `value` changes nothing. JSON's true and 1 are different values."""
        if self.values is None:
            return True
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.values)


BOOKKEEPING = Neutral(None)
"""Says something about the caller, not about the answer: any value will do."""

NO_PENALTY = "penalties would act on the thinking too; leave it out, or give 0"
TEMPLATE = "prompts are made by the model's own chat template; leave it out"
ANSWER_ENDS = "answers end where the model ends them, or at a stop string; leave it out"

OPENAI_FIELDS: Mapping[str, Neutral] = {
    "client_metadata": BOOKKEEPING,
    "metadata": BOOKKEEPING,
    "prompt_cache_key": BOOKKEEPING,
    "prompt_cache_options": BOOKKEEPING,
    "prompt_cache_retention": BOOKKEEPING,
    "safety_identifier": BOOKKEEPING,
    "user": BOOKKEEPING,
    "audio": Neutral((), "the model writes text only; leave it out"),
    "frequency_penalty": Neutral((0,), NO_PENALTY),
    "function_call": Neutral(("auto", "none"), "give tools and tool_choice"),
    "functions": Neutral(([],), "give tools"),
    "logit_bias": Neutral(({},), "it can't be honoured; leave it out"),
    "moderation": Neutral((), "nothing is moderated; leave it out"),
    "modalities": Neutral((["text"],), 'the model writes text only; leave it out, or give ["text"]'),
    "prediction": Neutral((), "predicted outputs can't be honoured; leave it out"),
    "presence_penalty": Neutral((0,), NO_PENALTY),
    "service_tier": Neutral(("auto", "default"), 'there is one tier; leave it out, or give "auto"'),
    "store": Neutral((False,), "completions are kept for a while, not stored; leave it out, or give false"),
    "verbosity": Neutral(("medium",), "say in the prompt how long the answer should be"),
    "web_search_options": Neutral((), "there is no web search; leave it out"),
}

VLLM_FIELDS: Mapping[str, Neutral] = {
    "cache_salt": BOOKKEEPING,
    "priority": Neutral((0,), "requests are served in the order they come; leave it out, or give 0"),
    "request_id": BOOKKEEPING,
    "add_generation_prompt": Neutral((True,), "the answer is always a turn of its own; leave it out, or give true"),
    "add_special_tokens": Neutral((False,), "the chat template writes them; leave it out, or give false"),
    "allowed_token_ids": Neutral(([],), "give structured_outputs"),
    "bad_words": Neutral(([],), "words can't be forbidden; leave it out"),
    "best_of": Neutral((1,), "ask for n choices, or for interim.samples, and compare them"),
    "chat_template": Neutral((), TEMPLATE),
    "continue_final_message": Neutral((False,), "the answer is always a turn of its own; leave it out, or give false"),
    "detokenize": Neutral((True,), "answers are text; leave it out, or give true"),
    "documents": Neutral(([],), "put them into a message"),
    "echo": Neutral((False,), "the prompt is not repeated; leave it out, or give false"),
    "guided_decoding_backend": Neutral(("auto",), "the engine chooses it; leave it out"),
    "guided_whitespace_pattern": Neutral((), "give structured_outputs a regex or a grammar"),
    "ignore_eos": Neutral((False,), ANSWER_ENDS),
    "include_stop_str_in_output": Neutral(
        (False,), "stop strings are no part of the answer; leave it out, or give false"
    ),
    "length_penalty": Neutral((1,), "there is no beam search; leave it out, or give 1"),
    "logits_processors": Neutral(([],), "they can't be honoured; leave it out"),
    "min_tokens": Neutral((0,), "give min_budget, which holds for the thinking; leave it out, or give 0"),
    "mm_processor_kwargs": Neutral(({},), "the model reads text only; leave it out"),
    "prompt_logprobs": Neutral((), "only the answer has logprobs; leave it out"),
    "repetition_penalty": Neutral((1,), "penalties would act on the thinking too; leave it out, or give 1"),
    "return_token_ids": Neutral((False,), "token ids are not returned; POST the text to /tokenize"),
    "return_tokens_as_token_ids": Neutral((False,), "tokens are told by their text; leave it out, or give false"),
    "skip_special_tokens": Neutral((True,), "special tokens are no part of the answer; leave it out, or give true"),
    "spaces_between_special_tokens": Neutral((True, False)),
    "stop_token_ids": Neutral(([],), "give stop strings"),
    "truncate_prompt_tokens": Neutral((), "nothing is truncated; shorten the prompt"),
    "use_beam_search": Neutral((False,), "there is no beam search; leave it out, or give false"),
}

CHAT_FIELDS: Mapping[str, Neutral] = {**OPENAI_FIELDS, **VLLM_FIELDS}


def without_null(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `data` that are not null."""
    return {name: value for name, value in data.items() if value is not None}


def without_neutral(data: Mapping[str, Any], fields: Mapping[str, Neutral], own: Iterable[str] = ()) -> dict[str, Any]:
    """Return `data` without the fields that are neutral in it; a request's `own` fields mean something to it.

    Raises:
        FieldError: for one with a value that would have to change something.
    """
    dropped = fields.keys() - set(own)
    for name in dropped & data.keys():
        value = data[name]
        if value is not None and not fields[name].takes(value):
            shown = repr(value)
            shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
            raise FieldError(name, f"{fields[name].remedy} (not {shown})")
    return {name: value for name, value in data.items() if name not in dropped}
