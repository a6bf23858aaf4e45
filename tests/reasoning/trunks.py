"""Sessions with several trunks of which a test says what each of them thinks, and the laws of their budget."""

import asyncio

from hypothesis import strategies as st

from anytime_server.controller import mix
from anytime_server.errors import Conflict
from anytime_server.reasoning import Reasoner, ReasonSettings
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ask

SEED = 7
SAMPLES = 3
"""An interim answer may have so many, each with a seed of its own."""
THOUGHTS = ("a=1; b=2; c=3; d=4; done", "one; two; three; four; five", "x; y", "; " * 40)
"""Interim answers count the semicolons: three of the four come to 4 in the end."""

REQUESTS = st.fixed_dictionaries(
    {
        "budget": st.integers(4, 150),
        "trunks": st.integers(2, 4),
        "checkpoints": st.sampled_from([[], [0], [1], {"every": 3}, {"count": 3}]),
        "answer": st.sampled_from(["full", "short"]),
        "prune": st.booleans(),
        "first": st.sampled_from([None, None, 1, 2]),
        "stop_when": st.sampled_from([None, {"consensus": 0.6}, {"stable": 3}, {"confidence": 0.5}]),
        "max_answer_tokens": st.sampled_from([None, 5]),
    }
)
THINKING = st.lists(st.sampled_from(["", "x", "; x", "a; b; c; d; e; f", "; " * 40, " " * 60]), min_size=4, max_size=4)
STEPS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["answer_now", "more", "extend", "cancel"])), max_size=3)


def thinkers(thoughts, answers=None):
    """A model of which trunk i of a session with the seed SEED thinks `thoughts[i]`."""
    models = [scripted(thought, (answers or [f"By {i}.\nAnswer: 4"] * 99)[i]) for i, thought in enumerate(thoughts)]
    seeds = [SEED if index == 0 else mix(SEED, index) for index in range(len(models))]
    by_seed = {seed + sample: model for seed, model in zip(seeds, models, strict=True) for sample in range(SAMPLES)}
    return lambda ids, seed: by_seed[seed](ids, seed)


def many(thoughts=THOUGHTS, *, observer=None, max_model_len=4096, pause_s=0.0, answers=None, store=None, **options):
    answers = answers or [f"By {index}.\nAnswer: {thought.count(';')}" for index, thought in enumerate(thoughts)]
    engine = FakeEngine(thinkers(thoughts, answers), max_model_len, pause_s)
    return engine, Reasoner(engine, fake_format(engine), ReasonSettings(**options), observer, store)


def asked(**fields):
    return ask(**{"trunks": 4, "seed": SEED, "temperature": 1.0, "checkpoints": [], **fields})


def spent_by(document):
    return [trunk.spent for trunk in document.trunks]


async def steer(reasoner, session, steps, **more):
    """Do to a session what `steps` say, each after so many turns of the event loop; wait for its end.

    What else there is to do is in `more`, by its name.
    """
    for turns, what in steps:
        for _ in range(turns):
            await asyncio.sleep(0)
        if what in more:
            more[what]()
        elif what == "answer_now":
            session.answer_now()
        elif what == "cancel":
            session.cancel()
        else:
            await session.wait() if what == "extend" else None
            try:
                reasoner.extend(session.id, 7, relative=True)
            except Conflict as refused:
                assert "deadline" in str(refused) or session._run.cancelling()
    return await session.wait()


def check(document, engine):
    """The laws of a budget that several trunks share."""
    budget, usage, trunks = document.budget, document.usage, document.trunks
    assert budget.spent == sum(trunk.spent for trunk in trunks) == usage.thinking
    assert budget.spent <= budget.granted <= budget.requested
    assert all(trunk.spent <= trunk.share for trunk in trunks)
    if document.stop_reason == "budget":
        assert budget.spent == budget.granted
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert usage.cached + usage.computed == engine.prefilled
    assert usage.sequential == max(trunk.spent for trunk in trunks)
    for role in ("thinking", "forced", "answer", "interim", "discarded", "cached", "computed"):
        assert getattr(usage, role) == sum(getattr(trunk.usage, role) for trunk in trunks)
    assert sum(vote.interim_tokens for vote in document.checkpoints) <= usage.interim
    assert [vote.at for vote in document.checkpoints] == sorted(vote.at for vote in document.checkpoints)
