"""Bytes of a stream as chunks of the contract."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_client.protocol import StructuredOutputs
from anytime_server.engines import EngineRequest
from anytime_server.engines.remote.reply import MAX_EVENT_BYTES, Reply
from anytime_server.errors import EngineDied, EngineError, InvalidRequest

DONE = b"data: [DONE]\n\n"


def event(said):
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def choice(ids, finish=None, top=()):
    content = [{"token_id": id, "logprob": -id / 10, "rank": None, "top_logprobs": list(top)} for id in ids]
    # As vLLM sends it, with fields that nobody asked for.
    fields = {"stop_reason": None, "routed_experts": None, "logprobs": {"content": content}}
    return {"index": 0, "finish_reason": finish, "token_ids": ids, **fields}


def said(*choices, usage=None):
    return event({"request_id": "x", "output_mode": "tokens", "usage": usage, "choices": list(choices)})


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 2}}


def reply(**fields):
    return Reply(EngineRequest("r", (1, 2, 3), 10, **fields), 0, "http://there")


def fed(one, data, size=None):
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return [chunk for piece in pieces if (chunk := one.feed(piece)) is not None]


STREAM = said(choice([5])) + said(choice([6, 7])) + said(choice([8], "stop")) + said(usage=USAGE) + DONE


@given(size=st.integers(1, len(STREAM)))
def test_it_does_not_matter_where_the_network_cuts(size):
    one = reply()
    chunks = fed(one, STREAM, size)
    assert one.ended
    assert [token for chunk in chunks for token in chunk.token_ids] == [5, 6, 7, 8]
    assert [value for chunk in chunks for value in chunk.logprobs] == [-0.5, -0.6, -0.7, -0.8]
    assert [chunk.finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert [chunk.prompt_tokens for chunk in chunks] == [3] + [0] * (len(chunks) - 1)
    assert [chunk.cached_tokens for chunk in chunks] == [0] * (len(chunks) - 1) + [2]


def test_what_arrives_together_is_one_chunk():
    (chunk,) = fed(reply(), STREAM)
    assert (chunk.token_ids, chunk.finish_reason, chunk.prompt_tokens, chunk.cached_tokens) == (
        (5, 6, 7, 8),
        "stop",
        3,
        2,
    )


def test_an_end_that_comes_in_pieces_is_told_once():
    one = reply()
    assert one.feed(said(choice([5], "length"))) is None
    assert one.feed(said(usage=USAGE)) is None
    assert one.feed(DONE).token_ids == (5,)
    assert one.feed(b": a comment\n\n") is None


def test_cached_tokens_that_are_told_at_once_are_told_once():
    one = reply()
    first = one.feed(event({"usage": USAGE, "choices": [choice([5])]}))
    last = one.feed(said(choice([6], "stop")) + said(usage=USAGE) + DONE)
    assert (first.cached_tokens, last.cached_tokens) == (2, 0)


def test_a_server_that_tells_no_cached_tokens_has_none():
    usage = {"prompt_tokens": 3, "prompt_tokens_details": None}
    (chunk,) = fed(reply(), said(choice([5], "stop")) + said(usage=usage) + DONE)
    assert chunk.cached_tokens == 0


def test_the_likeliest_tokens_are_in_order_whichever_was_drawn():
    top = [{"token_id": 9, "logprob": -4.0}, {"token_id": 1, "logprob": -0.5}, {"token_id": 2, "logprob": -1.5}]
    (chunk,) = fed(reply(top_logprobs=2), said(choice([9], top=top)))
    assert chunk.alternatives == (((1, -0.5), (2, -1.5)),)


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (said(choice([5])) + DONE, EngineDied, "before its last token"),
        (said(choice([], "abort")), EngineDied, "dropped the request"),
        (said(choice([], "error")), EngineDied, "ended with 'error'"),
        (
            event({"error": {"message": "core died", "type": "InternalServerError", "code": 500}}),
            EngineDied,
            "core died",
        ),
        (event({"error": {"message": "too long", "code": 400}}), InvalidRequest, "too long"),
        (b"data: {nonsense}\n\n", EngineError, "no stream of tokens"),
        (b"data: [1]\n\n", EngineError, "no stream of tokens"),
        (event({"choices": [{"index": 0}]}), EngineError, "no stream of tokens"),
        (event({"choices": [{"token_ids": [1], "logprobs": None, "finish_reason": None}]}), EngineError, "no stream"),
        (b"x" * (MAX_EVENT_BYTES + 1), EngineError, "an event without an end"),
    ],
)
def test_what_goes_wrong_has_its_error(data, kind, message):
    with pytest.raises(kind, match=message) as raised:
        fed(reply(), data)
    assert type(raised.value) is kind


def test_a_grammar_that_leads_nowhere_is_the_request_s_fault():
    one = reply(structured=StructuredOutputs(regex="x"))
    with pytest.raises(InvalidRequest, match="can't spell") as raised:
        one.feed(event({"error": {"message": "Internal server error", "type": "InternalServerError", "code": 500}}))
    assert raised.value.param == "structured_outputs.regex"
