"""The plans of a completion's prompts. Tokenizing takes a while for long ones: to be called in a thread."""

from anytime_server.api.openai.completions.request import NAMES, CompletionRequest
from anytime_server.api.sent_names import as_sent
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Plan, Reasoner
from anytime_server.reasoning.plans.prompt.limit import PromptTooLong, limited


def continuations(body: CompletionRequest, reasoner: Reasoner) -> list[Plan]:
    """Return a plan per prompt.

    Raises:
        InvalidRequest: naming the field that can't be honoured.
    """
    try:
        return [_continuation(body, reasoner, prompt) for prompt in body.prompts]
    except InvalidRequest as error:
        raise as_sent(error, NAMES) from error


def _continuation(body: CompletionRequest, reasoner: Reasoner, prompt: str | list[int]) -> Plan:
    tokenizer = reasoner.engine.tokenizer
    if isinstance(prompt, str):
        ids, text = encoded(prompt, reasoner, special=body.add_special_tokens), prompt
    else:
        check_ids(prompt, tokenizer.vocab_size, "prompt")
        ids, text = prompt, tokenizer.decode(prompt)
    return reasoner.plan_continuation(body.reason_request(text), ids)


def encoded(text: str, reasoner: Reasoner, *, special: bool, contexts: int = 1) -> list[int]:
    """Return the token ids of a text, with the tokens that the tokenizer begins texts with if `special`.

    Raises:
        InvalidRequest: if it surely has more tokens than so many contexts of the model.
    """
    tokenizer = limited(reasoner.engine.tokenizer, contexts * reasoner.engine.limits.max_model_len)
    try:
        return tokenizer.encode_whole(text) if special else tokenizer.encode(text)
    except PromptTooLong as error:
        message = f"the prompt is too long: {error}"
        raise InvalidRequest(message, param="prompt", code="context_length_exceeded") from error


def check_ids(ids: list[int], vocab_size: int, param: str) -> None:
    """Check that the vocabulary has these token ids.

    Raises:
        InvalidRequest: naming the first that it has not.
    """
    for id in ids:
        if not 0 <= id < vocab_size:
            raise InvalidRequest(f"there is no token {id}; the vocabulary has {vocab_size}", param=param)
