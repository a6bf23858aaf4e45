"""What JSON can't hold is refused before anything is sent, by the field's name and with the remedy."""

import httpx
import pytest

from anytime_client import Anytime, AnytimeError, AsyncAnytime, ConfigurationError

HALF, NAN = "\ud800", float("nan")


def unreached(request):
    pytest.fail(f"was sent: {request}")


KINDS = [
    lambda: Anytime("http://server", transport=httpx.MockTransport(unreached)),
    lambda: AsyncAnytime("http://server", transport=httpx.MockTransport(unreached)),
]


@pytest.mark.parametrize(
    ("ask", "field", "remedy"),
    [
        (lambda client: client.stream(f"a{HALF}b"), "prompt", "send whole characters"),
        (lambda client: client.stream([{"role": "user", "content": HALF}]), "messages", "send whole characters"),
        (lambda client: client.stream("q", stop=["a", HALF]), "stop", "send whole characters"),
        (lambda client: client.stream("q", chat_template_kwargs={HALF: 1}), "chat_template_kwargs", "whole characters"),
        (lambda client: client.stream("q", temperature=NAN), "temperature", "NaN or an infinite number"),
        (lambda client: client.stream("q", interim={"temperature": -float("inf")}), "interim", "an infinite number"),
        (lambda client: client.stream("q", tools=[object()]), "tools", "Unable to serialize"),
        (lambda client: client.stream("q", cue=b"\xff"), "cue", "utf-8"),
        (lambda client: client.stream(NAN), "messages", "NaN"),
        (lambda client: client.stream("q", **{HALF: 1}), HALF, "send whole characters"),
        (lambda client: client.attach(HALF), "id", "send whole characters"),
        (lambda client: client.attach("rsn_1", starting_after=NAN), "starting_after", "NaN"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_can_not_be_sent_is_named(kind, ask, field, remedy):
    with pytest.raises(ConfigurationError, match=remedy) as failure:
        ask(kind())
    assert failure.value.param == field
    assert failure.value.message.startswith(f"{field} can't be sent: ")


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: client.get(HALF), "id"),
        (lambda client: client.cancel(HALF), "id"),
        (lambda client: client.extend("rsn_1", HALF), "budget"),
    ],
)
def test_so_is_what_goes_into_the_address(call, field):
    with pytest.raises(ConfigurationError) as failure:
        call(KINDS[0]())
    assert failure.value.param == field


@pytest.mark.parametrize("kind", KINDS)
async def test_many_questions_have_it_in_their_documents_places(kind):
    client = kind()
    errors = client.reason_many([HALF, NAN], on_error="return")
    errors = await errors if isinstance(client, AsyncAnytime) else errors
    assert [error.param for error in errors] == ["prompt", "messages"]
    assert all(isinstance(error, AnytimeError) for error in errors)
