"""The tokens that are read off a store's steps are those that were kept, whatever came between."""

import asyncio

import pytest

from anytime_server.reasoning import Reasoner, ReasonSettings
from chaos_parts.tokens import tokens_of
from fakes import EOS, ByteTokenizer, FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, ask
from reasoning.shelf import Shelf

LONG = "".join(f"{step};" for step in range(60))


def kept(budget):
    """The tokens of a session with this budget."""
    return (*LONG[:budget].encode(), *b"..", 258), (*ANSWER.encode(), 256)


async def run(dies_at=(), extended_to=None, answer_now_after=None, plain=False, **fields):
    engine, shelf = FakeEngine(scripted(LONG, ANSWER)), Shelf()
    engine.dies_at = set(dies_at)
    engine.plain_from = 8 if plain else None
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings(), None, shelf)
    session = reasoner.submit(ask(**{"budget": 12, "checkpoints": [], **fields}))
    while answer_now_after is not None and session.document().budget.spent < answer_now_after:
        await asyncio.sleep(0)
    if answer_now_after is not None:
        session.answer_now()
    await session.wait()
    if extended_to is not None:
        reasoner.extend(session.id, extended_to, relative=False)
        await session.wait()
    spent = session.document().budget.spent
    return engine, spent, tokens_of((entry.data, entry.steps) for entry in shelf.logs[session.id].entries())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"checkpoints": [4]},
        {"extended_to": 20},
        {"answer_now_after": 5},
        {"plain": True, "budget": 50},
        {"structured_outputs": {"choice": ["yes", "no"]}},
    ],
    ids=str,
)
async def test_a_death_at_any_token_leaves_the_tokens_as_they_are(options):
    engine, spent, undisturbed = await run(**options)
    assert undisturbed == kept(spent)
    for token in range(1, engine.generated + 1):
        _, spent, disturbed = await run([token], **options)
        assert disturbed == kept(spent), f"died at token {token}"


@pytest.mark.parametrize("flush_s", [0.0, 0.05])
async def test_the_token_that_ends_a_sequence_within_the_thinking_is_not_of_the_thinking(flush_s):
    def ends_itself(ids, seed):
        thought = len(ids) - len(ByteTokenizer().encode("user: count\n<think>"))
        return [EOS] if thought == 7 else model(ids, seed)

    model = scripted(LONG, ANSWER)
    engine, shelf = FakeEngine(ends_itself), Shelf()
    reasoner = Reasoner(engine, fake_format(engine), ReasonSettings(flush_s=flush_s), None, shelf)
    session = reasoner.submit(ask(budget=12, checkpoints=[]))
    document = await session.wait()
    assert (document.stop_reason, document.budget.spent) == ("natural", 7)
    assert tokens_of((entry.data, entry.steps) for entry in shelf.logs[session.id].entries()) == kept(7)
