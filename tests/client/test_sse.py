"""The decoder against the standard: line ends, comments, empty events, and any way the bytes may be cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_client._sse import Decoder, Message
from client.conftest import TRANSCRIPTS


def decode(*chunks):
    decoder = Decoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"data: a\n\n", [Message("message", "a", "")]),
        (b"event: x\nid: 7\ndata: a\n\n", [Message("x", "a", "7")]),
        (b"data: a\ndata: b\ndata\n\n", [Message("message", "a\nb\n", "")]),
        (b"data:a\r\n\r\ndata:  b\r\r", [Message("message", "a", ""), Message("message", " b", "")]),
        (b": ping\n\n", []),
        (b"id: 3\n\n: ping\n\ndata: a\n\n", [Message("message", "a", "3")]),
        (b"id: 3\ndata: a\n\nevent: y\ndata: b\n\n", [Message("message", "a", "3"), Message("y", "b", "3")]),
        (b"event: x\n\ndata: a\n\n", [Message("message", "a", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Message("message", "a", "")]),
        (b"id: a\0b\nretry: 9\nunknown: c\ndata: a\n\n", [Message("message", "a", "")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
    ],
)
def test_the_parsing_rules(stream, messages):
    assert decode(stream) == messages
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == messages


def test_a_line_end_over_two_chunks_is_one():
    assert decode(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [Message("message", "a\nb", "")]


def test_an_event_of_megabytes_takes_no_longer_a_chunk_than_a_small_one():
    """It had been split anew with each chunk: 4 MiB took 6 seconds, and this would take minutes."""
    data, decoder = b"x" * 2**25, Decoder()
    stream = b"data: " + data + b"\n\n"
    found = [message for at in range(0, len(stream), 2**12) for message in decoder.feed(stream[at : at + 2**12])]
    assert found == [Message("message", data.decode(), "")]


def test_a_line_end_counts_without_what_follows():
    assert decode(b"data: a\n\r") == [Message("message", "a", "")]


LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)
MESSAGES = st.lists(st.builds(lambda lines, event: (event, "\n".join(lines)), st.lists(LINES, min_size=1), LINES))


@given(messages=MESSAGES, line_end=st.sampled_from(["\n", "\r", "\r\n"]), pinged=st.booleans(), data=st.data())
def test_what_is_encoded_comes_out_however_it_is_cut(messages, line_end, pinged, data):
    encoded = b""
    for event, text in messages:
        lines = [f"event: {event}", *(f"data: {line}" for line in text.split("\n")), ""]
        lines += [": ping", ""] if pinged else []
        encoded += "".join(line + line_end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
    bounds = [0, *cuts, len(encoded)]
    chunks = [encoded[start:end] for start, end in pairwise(bounds)]
    assert decode(*chunks) == [Message(event, text, "") for event, text in messages]


@pytest.mark.parametrize("transcript", TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_recorded_streams_are_numbered_without_a_gap(transcript):
    numbers = [int(message.id) for message in decode(transcript)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 10
