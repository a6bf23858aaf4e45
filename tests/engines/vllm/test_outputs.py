"""What is made of vLLM's outputs."""

from itertools import chain, repeat

import pytest
from vllm.logprobs import FlatLogprobs

from anytime_server.engines.vllm.outputs import _split_logprobs

TOP = [(7, -0.5), (4, -1.5), (9, -2.5)]


def one_position(drawn: tuple[int, float]) -> FlatLogprobs:
    """As vLLM's engine appends it: the drawn token, and the likeliest ones."""
    flat, row = FlatLogprobs(), [drawn, *TOP]
    flat.append_fast([token for token, _ in row], [value for _, value in row], chain((1,), range(1, 4)), repeat(None))
    return flat


@pytest.mark.parametrize("drawn", [TOP[0], TOP[1], (5, -4.0)])
def test_the_likeliest_tokens_are_told_whether_or_not_a_reader_was_late(drawn: tuple[int, float]) -> None:
    late = one_position(TOP[0])
    late.extend(one_position(drawn))  # What was not fetched in time is joined.
    assert _split_logprobs(late, 3) == ((TOP[0][1], drawn[1]), (tuple(TOP), tuple(TOP)))
    assert _split_logprobs(one_position(drawn), 3) == ((drawn[1],), (tuple(TOP),))
    assert _split_logprobs(one_position(drawn), 2) == ((drawn[1],), (tuple(TOP[:2]),))


def test_without_any_asked_for_there_are_none() -> None:
    assert _split_logprobs(None, 0) == ((), ())
