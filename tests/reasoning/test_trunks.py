"""Several trunks under one budget: what they spend, how they vote, who answers, and what a reader is told."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings

from anytime_client.protocol import Budget
from anytime_server.controller import DONE_BY, StopReason
from anytime_server.errors import Conflict, InvalidRequest
from anytime_server.reasoning.panel.endings import ending
from reasoning.conftest import events_of, until_spent
from reasoning.trunks import REQUESTS, SEED, STEPS, THINKING, THOUGHTS, asked, check, many, spent_by, steer
from searches import examples

pytestmark = pytest.mark.usefixtures("no_judge")


async def test_trunks_share_one_budget_to_the_last_token():
    _, reasoner = many(["; " * 40] * 4)
    document = await reasoner.submit(asked(budget=62)).wait()
    assert (document.status, document.stop_reason) == ("completed", "budget")
    assert spent_by(document) == [16, 16, 15, 15]
    assert document.budget == Budget(requested=62, granted=62, spent=62)
    assert document.usage.sequential == 16


async def test_what_a_trunk_leaves_that_ended_by_itself_is_not_spent():
    _, reasoner = many()
    document = await reasoner.submit(asked(budget=400)).wait()
    assert document.stop_reason == "natural"
    assert spent_by(document) == [len(THOUGHTS[0]), len(THOUGHTS[1]), len(THOUGHTS[2]), len(THOUGHTS[3])]
    assert [trunk.stop_reason for trunk in document.trunks] == ["natural"] * 4
    assert document.budget.spent == sum(map(len, THOUGHTS))


async def test_the_trunk_that_stands_for_the_winner_answers():
    engine, reasoner = many()
    session = reasoner.submit(asked(budget=400))
    document = await session.wait()
    (vote,) = document.checkpoints
    assert (vote.value, vote.votes, vote.samples, vote.trunk) == ("4", 2, 4, 0)
    assert [(ballot.trunk, ballot.value, ballot.at) for ballot in vote.ballots] == [
        (index, str(thought.count(";")), len(thought)) for index, thought in enumerate(THOUGHTS)
    ]
    assert document.answer.text == "By 0.\nAnswer: 4"
    assert document.thinking == THOUGHTS[0]
    answers = [event for event in await events_of(session) if event.type == "answer.delta"]
    assert "".join(event.delta for event in answers) == document.answer.text
    assert {event.trunk for event in answers} == {0}
    assert not engine.active


async def test_each_delta_says_its_trunk_and_all_of_them_are_told():
    _, reasoner = many()
    session = reasoner.submit(asked(budget=400, checkpoints={"every": 5}))
    document = await session.wait()
    texts, spent = {}, []
    for event in await events_of(session):
        if event.type == "thinking.delta":
            texts[event.trunk] = texts.get(event.trunk, "") + event.delta
            spent.append(event.spent)
            assert len(texts[event.trunk]) == event.trunk_spent
    assert texts == {trunk.trunk: trunk.thinking for trunk in document.trunks} == dict(enumerate(THOUGHTS))
    assert spent == sorted(spent)
    assert spent[-1] == document.budget.spent


async def test_a_session_with_one_trunk_tells_nothing_of_trunks():
    _, reasoner = many(THOUGHTS[:1])
    session = reasoner.submit(asked(budget=400, trunks=1, checkpoints=[5]))
    await session.wait()
    assert not any("trunk" in entry.data or "ballots" in entry.data for entry in session.log.entries())
    assert not any("sequential" in entry.data for entry in session.log.entries())


async def test_a_vote_is_taken_once_every_trunk_has_come_to_the_checkpoint_or_has_ended():
    _, reasoner = many()
    document = await reasoner.submit(asked(budget=400, checkpoints=[4, 12])).wait()
    first, second, last = document.checkpoints
    assert (first.at, second.at, last.at) == (4, 12, max(map(len, THOUGHTS)))
    # Trunk 2 has ended at its fourth token: its last ballot is later than that of the checkpoint there, and stands.
    assert [ballot.at for ballot in second.ballots] == [12, 12, 4, 12]
    assert [ballot.value for ballot in second.ballots] == [str(thought[:12].count(";")) for thought in THOUGHTS]
    assert second.ballots[2].stop_reason == "natural"
    assert second.ballots[0].stop_reason is None


async def test_the_prompt_is_computed_once():
    engine, reasoner = many(["; " * 40] * 8)
    long = "count these: " + "1 " * 200
    document = await reasoner.submit(asked(prompt=long, budget=64, trunks=8)).wait()
    block = engine.limits.block_size
    first, *others = document.trunks
    assert first.usage.prompt_cached == document.usage.prompt_cached == 0
    assert all(trunk.usage.prompt_cached >= len(long) // block * block for trunk in others)
    assert document.usage.prompt == first.usage.prompt
    assert document.usage.computed < 2 * document.usage.prompt


async def test_consensus_ends_all_trunks():
    _, reasoner = many(["; ; ; " + " " * 300] * 3 + ["x" * 300])
    rules = {"checkpoints": {"every": 10}, "stop_when": {"consensus": 0.75}}
    document = await reasoner.submit(asked(budget=1200, **rules)).wait()
    assert document.stop_reason == "consensus"
    assert [vote.at for vote in document.checkpoints] == [10, 20]
    assert document.checkpoints[-1].consensus == pytest.approx(0.75)
    assert document.answer.text == "By 0.\nAnswer: 3"
    assert document.budget.spent < 200
    assert {trunk.stop_reason for trunk in document.trunks} == {"consensus"}


async def test_two_trunks_that_are_done_end_all_with_a_majority():
    _, reasoner = many([";;;", ";;;;;;", ";;;" + " " * 300, "x" * 300, ";;;"])
    rules = {"checkpoints": {"every": 10}, "stop_when": {"consensus": 1.0}, "trunks": 5}
    document = await reasoner.submit(asked(budget=1500, **rules)).wait()
    assert document.stop_reason == "consensus"
    (vote,) = document.checkpoints
    assert (vote.at, vote.value, vote.votes) == (10, "3", 3)
    assert sum(ballot.stop_reason == "natural" for ballot in vote.ballots) == 3
    assert document.answer.value == "3"


async def test_no_consensus_lets_them_think():
    _, reasoner = many(["; " + " " * 40] * 2 + [" " * 42] * 2)
    rules = {"checkpoints": {"every": 10}, "stop_when": {"consensus": 0.75}}
    document = await reasoner.submit(asked(budget=120, **rules)).wait()
    assert document.stop_reason == "budget"


async def test_a_trunk_that_stands_against_the_others_is_pruned_and_keeps_its_vote():
    _, reasoner = many(["; " + " " * 300] * 3 + ["x" * 300])
    document = await reasoner.submit(asked(budget=400, checkpoints={"every": 10}, prune=True)).wait()
    assert [trunk.stop_reason for trunk in document.trunks] == ["budget"] * 3 + ["pruned"]
    assert document.stop_reason == "pruned"
    assert document.trunks[3].spent < 40
    assert all(vote.samples == 4 for vote in document.checkpoints)
    assert document.checkpoints[-1].consensus == pytest.approx(0.75)
    assert document.checkpoints[-1].ballots[3].stop_reason == "pruned"


async def test_the_first_that_are_done_decide():
    _, reasoner = many(["; " * 50, "x;", "y;", "; " * 50])
    document = await reasoner.submit(asked(budget=400, first=2)).wait()
    assert document.stop_reason == "first"
    assert [trunk.stop_reason for trunk in document.trunks] == ["first", "natural", "natural", "first"]
    (vote,) = document.checkpoints
    assert (vote.value, vote.votes, vote.samples) == ("1", 2, 2)
    assert document.answer.text == "By 1.\nAnswer: 1"
    assert document.budget.spent < 30


async def test_a_trunk_that_was_cut_is_not_among_the_first_that_are_done():
    _, reasoner = many(["; " * 50, "; " * 50, "x;", "; " * 50], pause_s=0.001)
    session = reasoner.submit(asked(budget=400, first=2))
    await until_spent(session, 60)
    session.limit(80)
    document = await session.wait()
    assert [trunk.stop_reason for trunk in document.trunks] == ["load", "load", "natural", "load"]
    assert document.stop_reason == "load"
    assert document.checkpoints[-1].samples == 4


@pytest.mark.parametrize("first", [1, 2, 4])
async def test_when_no_trunk_is_done_all_of_them_vote_once_the_budget_is_spent(first):
    _, reasoner = many(["; " * 50] * 4)
    document = await reasoner.submit(asked(budget=42, first=first)).wait()
    assert (document.stop_reason, spent_by(document)) == ("budget", [11, 11, 10, 10])
    assert document.checkpoints[-1].samples == 4


async def test_answer_now_takes_the_newest_ballots():
    _, reasoner = many(["; " * 200] * 3 + ["x" * 400], pause_s=0.001)
    session = reasoner.submit(asked(budget=1600, checkpoints=[4, 8]))
    await until_spent(session, 80)
    session.answer_now()
    document = await session.wait()
    assert document.stop_reason == "answer_now"
    assert (document.checkpoints[-1].value, document.checkpoints[-1].votes) == ("4", 3)
    assert document.answer.text.startswith("By 0.")
    assert document.usage.forced == len("..") + 1


async def test_answer_now_before_any_vote_lets_the_longest_trunk_answer():
    _, reasoner = many(["; " * 200] * 4, pause_s=0.001)
    session = reasoner.submit(asked(budget=1600))
    await until_spent(session, 9)
    session.answer_now()
    document = await session.wait()
    assert (document.stop_reason, document.checkpoints) == ("answer_now", ())
    assert document.answer.text.startswith("By ")


async def test_a_deadline_closes_all_trunks():
    _, reasoner = many(["; " * 2000] * 4, pause_s=0.002)
    session = reasoner.submit(asked(budget=3000, checkpoints=[5], deadline_ms=400, answer="short"))
    document = await session.wait()
    assert (document.status, document.stop_reason) == ("completed", "deadline")
    assert document.budget.spent < 3000
    assert document.answer.value is not None


async def test_an_extension_is_shared_out_among_the_trunks_that_were_cut():
    _, reasoner = many(["; " * 50, "; " * 50, "x;", "; " * 50])
    session = reasoner.submit(asked(budget=40))
    first = await session.wait()
    assert spent_by(first) == [10, 10, 2, 10]
    reasoner.extend(session.id, 9, relative=True)
    document = await session.wait()
    assert spent_by(document) == [13, 13, 2, 13]
    assert document.budget == Budget(requested=41, granted=41, spent=41)
    assert document.stop_reason == "budget"
    for before, after in zip(first.trunks, document.trunks, strict=True):
        assert after.thinking.startswith(before.thinking)
    answer = ""
    for event in await events_of(session):
        if event.type == "budget.changed":
            answer = ""
        elif event.type == "answer.delta":
            answer += event.delta
    assert answer == document.answer.text


async def test_the_same_total_lets_trunks_that_agreed_early_spend_the_rest():
    _, reasoner = many(["; ; ; " + " " * 100] * 3)
    rules = {"checkpoints": {"every": 10}, "stop_when": {"consensus": 0.75}}
    session = reasoner.submit(asked(trunks=3, budget=300, **rules))
    first = await session.wait()
    assert (first.stop_reason, first.budget.granted) == ("consensus", 300)
    with pytest.raises(Conflict, match="300 thinking tokens are granted already"):
        reasoner.extend(session.id, 299, relative=False)
    reasoner.extend(session.id, 300, relative=False)
    second = await session.wait()
    assert first.budget.spent < second.budget.spent <= second.budget.granted == 300


async def test_a_budget_raised_at_any_moment_is_never_lost():
    engine, reasoner = many(["; " * 50] * 3)
    for moment in range(0, 400, 7):
        session = reasoner.submit(asked(trunks=3, budget=12, checkpoints=[2]))
        for _ in range(moment):
            await asyncio.sleep(0)
        reasoner.extend(session.id, 24, relative=False)
        document = await session.wait()
        assert (document.budget.spent, document.stop_reason) == (24, "budget"), moment
        assert document.answer.text.startswith("By ")
        events = await events_of(session)
        last = max(event.sequence_number for event in events if event.type == "budget.changed")
        told = "".join(e.delta for e in events[last:] if e.type == "answer.delta")
        assert told == document.answer.text, moment
    assert engine.active == set()


async def test_trunks_draw_from_seeds_of_their_own_and_the_first_as_the_only_one_does():
    engine, reasoner = many(THOUGHTS)
    await reasoner.submit(asked(budget=400)).wait()
    seeds = {
        request.request_id.rpartition("-")[2].partition(".")[0]: request.sampling.seed for request in engine.requests
    }
    trunk_seeds = [seeds[str(index)] for index in range(4)]
    assert trunk_seeds[0] == SEED
    assert len(set(trunk_seeds)) == 4
    assert {request.session_id for request in engine.requests} == {next(iter(engine.requests)).session_id}


@pytest.mark.parametrize(
    ("fields", "param", "remedy"),
    [
        ({"temperature": 0}, "trunks", "temperature above 0"),
        ({"budget": 3}, "trunks", "lower trunks"),
        ({"budget": 40, "checkpoints": [11]}, "checkpoints", "for each of 4 trunks"),
        ({"budget": 40, "min_budget": 11}, "min_budget", "for each of 4 trunks"),
    ],
)
async def test_what_trunks_do_not_go_with_is_refused(fields, param, remedy):
    _, reasoner = many()
    with pytest.raises(InvalidRequest, match=remedy) as refused:
        reasoner.submit(asked(**{"budget": 40, **fields}))
    assert refused.value.param == param


async def test_each_trunk_has_a_context_of_its_own():
    _, reasoner = many(["x" * 1000] * 4, max_model_len=200)
    session = reasoner.submit(asked(budget=5000, max_answer_tokens=30))
    document = await session.wait()
    shares = spent_by(document)
    assert len(set(shares)) == 1
    assert 100 < shares[0] < 200
    assert document.budget.granted == sum(shares)
    with pytest.raises(Conflict, match="no room"):
        reasoner.extend(session.id, 1, relative=True)


async def test_one_trunk_that_dies_with_the_engine_goes_on():
    engine, reasoner = many()
    undisturbed = await reasoner.submit(asked(budget=400, checkpoints=[4])).wait()
    for token in range(1, engine.generated, 7):
        engine, reasoner = many()
        engine.dies_at = {token}
        session = reasoner.submit(asked(budget=400, checkpoints=[4]))
        document = await session.wait()
        assert [(t.thinking, t.stop_reason) for t in document.trunks] == [
            (t.thinking, t.stop_reason) for t in undisturbed.trunks
        ], token
        assert document.answer == undisturbed.answer
        assert not engine.active


@settings(max_examples=examples(60))
@given(request=REQUESTS, thoughts=THINKING, steps=STEPS)
def test_whatever_is_asked_the_budget_holds_and_every_token_is_accounted_for(request, thoughts, steps):
    async def law():
        engine, reasoner = many(thoughts)
        session = reasoner.submit(asked(**request))
        document = await steer(reasoner, session, steps)
        assert document.status in ("completed", "cancelled")
        assert not engine.active
        check(document, engine)
        events = await events_of(session)
        assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
        assert sum(event.type in ("reason.completed", "reason.cancelled") for event in events) == session.runs
        if document.stop_reason == "first" and not steps:
            done = {trunk.trunk for trunk in document.trunks if trunk.stop_reason in DONE_BY}
            assert {ballot.trunk for ballot in document.checkpoints[-1].ballots} <= done
            assert len(done) >= request["first"]
        texts = [""] * request["trunks"]
        for event in events:
            if event.type == "thinking.delta":
                texts[event.trunk] += event.delta
        assert texts == [trunk.thinking for trunk in document.trunks]
        if document.status == "completed":
            assert document.stop_reason is not None
            assert document.answer is not None
            assert document.answer.finish_reason is not None or request["answer"] == "short"

    asyncio.run(law())


def test_a_trunk_that_was_stopped_tells_why_something_of_the_budget_is_left():
    course = SimpleNamespace(closing=False, granted=15, wanted=15)
    for reason in (StopReason.FIRST, StopReason.DEADLINE, StopReason.CONSENSUS):
        spent = {5: StopReason.BUDGET, 3: reason}
        members = [SimpleNamespace(is_done=True, spent=tokens, reason=why) for tokens, why in spent.items()]
        assert ending(course, members, 1, None) is reason
