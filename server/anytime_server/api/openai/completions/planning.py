"""The plans of a completion's prompts. Tokenizing takes a while for long ones: to be called in a thread."""

from anytime_server.api.openai.completions.request import NAMES, CompletionRequest
from anytime_server.api.sent_names import as_sent
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import Plan, Reasoner


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
        encode = tokenizer.encode_whole if body.add_special_tokens else tokenizer.encode
        ids, text = encode(prompt), prompt
    else:
        check_ids(prompt, tokenizer.vocab_size, "prompt")
        ids, text = prompt, tokenizer.decode(prompt)
    return reasoner.plan_continuation(body.reason_request(text), ids)


def check_ids(ids: list[int], vocab_size: int, param: str) -> None:
    """Check that the vocabulary has these token ids.

    Raises:
        InvalidRequest: naming the first that it has not.
    """
    for id in ids:
        if not 0 <= id < vocab_size:
            raise InvalidRequest(f"there is no token {id}; the vocabulary has {vocab_size}", param=param)
