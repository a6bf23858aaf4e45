"""What a request costs before it is a session, counted in characters that are tokenized, slots and bytes."""

import asyncio

import pytest

from anytime_client.protocol import ReasonRequest
from anytime_server.errors import Conflict, InvalidRequest, Overloaded
from anytime_server.reasoning.plans.footprint import size_of
from anytime_server.reasoning.plans.planning import LARGE_BYTES
from anytime_server.reasoning.plans.prompt.limit import PIECE
from anytime_server.reasoning.sessions.view import TOKEN_BYTES
from fakes import ByteTokenizer
from reasoning.conftest import ask

MEGABYTE = 2**20


class CountingTokenizer(ByteTokenizer):
    """Counts the characters that it is given to encode."""

    def __init__(self):
        self.encoded = 0

    def encode(self, text):
        self.encoded += len(text)
        return list(text.encode())


class Wordy(CountingTokenizer):
    """Has a long token, so that the number of characters alone tells nothing."""

    longest_token = 1000

    def encode(self, text):
        self.encoded += len(text)
        return [1] * (len(text) // 4)


def user(text):
    return {"role": "user", "content": text}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": "x" * MEGABYTE}, "prompt"),
        ({"prompt": "\U0001f600" * MEGABYTE}, "prompt"),
        ({"messages": [user("x" * MEGABYTE)]}, "messages"),
        ({"messages": [{"role": "system", "content": "x" * MEGABYTE}, user("3+4")]}, "messages"),
        ({"messages": [user("x" * 1024)] * 1024}, "messages"),
        ({"prompt": "x", "tools": [{"function": {"name": "f", "description": "x" * MEGABYTE}}]}, "prompt"),
    ],
    ids=["prompt", "wide", "message", "system", "messages", "tools"],
)
def test_a_prompt_that_can_not_fit_is_refused_before_it_is_tokenized(make, fields, param):
    engine, reasoner = make()
    engine.tokenizer = CountingTokenizer()
    with pytest.raises(InvalidRequest, match="shorten it") as refused:
        reasoner.plan(ReasonRequest(**fields))
    assert (refused.value.param, refused.value.code) == (param, "context_length_exceeded")
    assert engine.tokenizer.encoded < 1000


@pytest.mark.parametrize("settings", [{}, {"max_prompt_tokens": 100}])
def test_a_prompt_that_might_fit_is_tokenized_no_further_than_it_can(make, settings):
    engine, reasoner = make(**settings)
    engine.tokenizer = Wordy()
    with pytest.raises(InvalidRequest, match="shorten it"):
        reasoner.plan(ask(prompt="x" * MEGABYTE))
    assert engine.tokenizer.encoded <= 4 * 4096 + 3 * PIECE


def test_a_text_of_long_tokens_is_no_longer_than_it_is(make):
    class Long(Wordy):
        def encode(self, text):
            return [1] * (len(text) // 100)

    engine, reasoner = make()
    engine.tokenizer = Long()
    assert len(reasoner.plan(ask(prompt="x" * 300_000)).prompt_ids) == 3000


@pytest.mark.parametrize("field", ["closing", "cue"])
def test_forced_texts_are_bounded(field):
    with pytest.raises(ValueError, match="at most 4096"):
        ask(**{field: "x" * 5000})


async def test_requests_that_are_planned_hold_their_slots(make):
    _, reasoner = make(max_sessions=2)
    plans = [asyncio.ensure_future(reasoner.planned(ask(budget=2))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await reasoner.planned(ask())
    for plan in plans:
        await reasoner.admit(await plan).wait()
    assert (await reasoner.planned(ask(budget=2), sessions=2)).requested == 2


async def test_a_refused_request_gives_its_slot_back(make):
    _, reasoner = make(max_sessions=1)
    for _ in range(3):
        with pytest.raises(InvalidRequest):
            await reasoner.planned(ask(model="another"))
    assert (await reasoner.planned(ask(budget=2))).requested == 2


async def test_large_requests_are_planned_one_at_a_time_and_small_ones_beside_them(make):
    planning, most = 0, 0
    loop, hold = asyncio.get_running_loop(), asyncio.Event()
    _, reasoner = make(max_model_len=MEGABYTE)
    plan = reasoner.plan

    def make_slowly(request):
        nonlocal planning, most
        if len(request.prompt) > LARGE_BYTES:
            planning += 1
            most = max(most, planning)
            asyncio.run_coroutine_threadsafe(hold.wait(), loop).result()
            planning -= 1
        return plan(request)

    reasoner.plan = make_slowly
    large = [asyncio.ensure_future(reasoner.planned(ask(prompt="x" * (LARGE_BYTES + 1)))) for _ in range(40)]
    small = [await reasoner.planned(ask(budget=2)) for _ in range(5)]
    assert len(small) == 5
    assert not any(each.done() for each in large)
    hold.set()
    await asyncio.gather(*large)
    assert most == 1


WIDE = "a" * 5_000 + "\U0001f600"


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": WIDE},
        {"messages": [{"role": "system", "content": WIDE}, user("3+4")]},
        {"messages": [user("1"), {"role": "assistant", "content": "2", "reasoning_content": WIDE}, user("3")]},
        {"prompt": "x", "tools": [{"function": {"name": "f", "parameters": {"description": WIDE}}}]},
    ],
    ids=["prompt", "system", "reasoning", "tools"],
)
async def test_a_session_does_not_hold_the_texts_of_its_request(make, fields):
    _, reasoner = make(max_model_len=2**30)
    session = reasoner.submit(ReasonRequest(**fields, budget=2, checkpoints=[]))
    assert size_of(session.plan.request) < 10_000
    assert session.size_bytes < 50_000 + 2 * TOKEN_BYTES * len(session.plan.prompt_ids)
    assert (await session.wait()).status == "completed"


async def test_what_a_session_holds_of_its_request_counts(make):
    stop = ["\U0001f600" * 256] * 64
    wide = WIDE[-4000:]
    for settings, fields in (({"keep_prompts": True}, {"prompt": wide}), ({}, {"stop": stop})):
        _, reasoner = make(max_model_len=2**20, **settings)
        session = reasoner.submit(ask(**{"budget": 2, "checkpoints": [], **fields}))
        await session.wait()
        assert session.size_bytes > 4 * len(fields.get("prompt", "".join(stop)))


async def test_a_session_is_told_from_others_without_its_texts(make):
    _, reasoner = make()
    session = reasoner.admit(reasoner.plan(ask(budget=2)), key="k")
    assert (await reasoner.begun_with("k", ask(budget=2))).id == session.id
    assert reasoner.admit(reasoner.plan(ask(budget=2)), key="k") is session
    for other in (ask(budget=2, prompt="another"), ask(budget=3)):
        with pytest.raises(Conflict):
            await reasoner.begun_with("k", other)
        with pytest.raises(Conflict):
            reasoner.admit(reasoner.plan(other), key="k")
    await session.wait()
