import asyncio
import json
from dataclasses import replace

from anytime_server.engines import Chunk
from anytime_server.reasoning import Reasoner
from fakes import FakeEngine, fake_format, scripted
from reasoning.conftest import ANSWER, THINKING, ask, events_of, until_spent


async def test_a_hard_budget_is_spent_to_the_last_token_and_then_answered(make):
    engine, reasoner = make()
    document = await reasoner.submit(ask(budget=12)).wait()
    assert (document.status, document.stop_reason) == ("completed", "budget")
    assert document.budget.spent == document.budget.granted == 12
    assert document.thinking == THINKING[:12]
    assert (document.answer.text, document.answer.value) == (ANSWER, "4")
    assert engine.active == set()


async def test_an_engine_that_thinks_past_the_budget_fails_the_session(caplog):
    class Deaf(FakeEngine):
        async def _generate(self, request):
            for _ in range(request.max_tokens):
                yield Chunk(0, (ord("x"),), (-0.1,))

    engine = Deaf(scripted(THINKING, ANSWER))
    document = await Reasoner(engine, fake_format(engine)).submit(ask(budget=12, checkpoints=[])).wait()
    assert (document.status, document.budget.spent) == ("failed", 12)
    assert "emitted token 120 where 46 was forced" in caplog.text


async def test_thinking_that_ends_by_itself_is_natural(make):
    _, reasoner = make()
    document = await reasoner.submit(ask(budget=500)).wait()
    assert (document.stop_reason, document.thinking) == ("natural", THINKING)
    assert document.usage.forced == 0


async def test_budget_zero_answers_at_once(make):
    _, reasoner = make()
    document = await reasoner.submit(ask(budget=0)).wait()
    assert (document.stop_reason, document.thinking, document.checkpoints) == ("budget", "", ())
    assert document.answer.value == "4"


async def test_a_short_answer_starts_with_the_cue(make):
    _, reasoner = make()
    document = await reasoner.submit(ask(budget=12, answer="short")).wait()
    assert document.answer.text == "2"
    assert document.usage.forced == len("..") + 1 + len("\nAnswer:")


async def test_interim_answers_come_at_their_checkpoints_in_order(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=20, checkpoints=[0, 5, 10, 20]))
    document = await session.wait()
    assert [(c.at, c.value, c.stable_for) for c in document.checkpoints] == [
        (0, "0", 1),
        (5, "1", 1),
        (10, "2", 1),
        (20, "4", 1),
    ]
    published = [event.at for event in await events_of(session) if event.type == "checkpoint.answer"]
    assert published == [0, 5, 10, 20]


async def test_an_interim_answer_equals_the_short_answer_of_a_run_with_that_budget(make):
    _, reasoner = make()
    interim = await reasoner.submit(ask(budget=24, checkpoints=[0, 3, 7, 12, 17])).wait()
    for checkpoint in interim.checkpoints:
        alone = await reasoner.submit(ask(budget=checkpoint.at, answer="short", checkpoints=[])).wait()
        assert alone.answer.text == checkpoint.answer
        assert interim.thinking.startswith(alone.thinking)


async def test_checkpoints_after_a_natural_end_are_left_out(make):
    _, reasoner = make()
    document = await reasoner.submit(ask(budget=500, checkpoints=[10, 400])).wait()
    assert [checkpoint.at for checkpoint in document.checkpoints] == [10]


async def test_samples_are_put_to_the_vote(make):
    _, reasoner = make()
    request = ask(budget=12, checkpoints=[10], interim={"samples": 3, "temperature": 1.0})
    (checkpoint,) = (await reasoner.submit(request).wait()).checkpoints
    assert (checkpoint.votes, checkpoint.samples, checkpoint.value) == (3, 3, "2")
    assert checkpoint.interim_tokens == 9


async def test_the_log_is_gapless_starts_with_created_and_has_one_terminal_event_at_its_end(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=20))
    document = await session.wait()
    events = await events_of(session)
    assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "reason.created"
    assert [event.type for event in events if event.type.startswith("reason.")][1:] == ["reason.completed"]
    assert events[-1].document == document
    assert "".join(event.delta for event in events if event.type == "thinking.delta") == document.thinking
    assert "".join(event.delta for event in events if event.type == "answer.delta") == ANSWER
    kinds = [event.type for event in events if event.type.endswith(".delta")]
    assert kinds == sorted(kinds, reverse=True), "no thinking after the answer has begun"


async def test_a_log_can_be_read_again_from_any_event(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=20))
    await session.wait()
    everything = await events_of(session)
    for after in range(len(everything) + 1):
        assert await events_of(session, after) == everything[after:]


async def test_deltas_are_coalesced(make):
    _, reasoner = make(thinking="x" * 400)
    session = reasoner.submit(ask(budget=300, checkpoints=[]))
    await session.wait()
    deltas = [event for event in await events_of(session) if event.type == "thinking.delta"]
    assert len(deltas) < 150
    assert deltas[-1].spent == 300


async def test_a_delta_ends_where_an_interim_answer_is_branched(make):
    _, reasoner = make(thinking="x" * 500)
    session = reasoner.submit(ask(budget=300, checkpoints=[50, 51, 200]))
    await session.wait()
    events = await events_of(session)
    assert {50, 51, 200} <= {event.spent for event in events if event.type == "thinking.delta"}


async def test_usage_adds_up_to_what_the_engine_did(make):
    engine, reasoner = make()
    request = ask(budget=20, checkpoints=[4, 9, 16], interim={"samples": 2, "temperature": 1.0})
    usage = (await reasoner.submit(request).wait()).usage
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert usage.cached + usage.computed == engine.prefilled
    assert usage.discarded == 0


async def test_usage_adds_up_after_every_change_of_course(make):
    engine, reasoner = make(pause_s=0.001)
    session = reasoner.submit(ask(budget=10, checkpoints={"every": 3}))
    await until_spent(session, 3)
    session.raise_budget(15)
    await until_spent(session, 6)
    session.answer_now()
    await session.wait()
    reasoner.extend(session.id, 100, relative=True)
    usage = (await session.wait()).usage
    assert usage.thinking + usage.forced + usage.answer + usage.interim + usage.discarded == engine.generated
    assert usage.cached + usage.computed == engine.prefilled


async def test_branches_compute_only_what_the_trunk_has_not(make):
    engine, reasoner = make(thinking="x" * 200)
    document = await reasoner.submit(ask(budget=150, checkpoints={"every": 40})).wait()
    closing = len("..") + 1 + len("\nAnswer:")
    for checkpoint in document.checkpoints:
        assert checkpoint.computed_tokens <= closing + engine.limits.block_size


async def test_answer_now_closes_the_thinking_at_the_next_token(make):
    _, reasoner = make(thinking="x" * 500, pause_s=0.001)
    session = reasoner.submit(ask(budget=400, checkpoints=[]))
    await until_spent(session, 20)
    spent = session.document().budget.spent
    session.answer_now()
    session.answer_now()
    document = await session.wait()
    assert document.stop_reason == "answer_now"
    assert spent <= document.budget.spent <= spent + 1
    assert document.answer.text == ANSWER


async def test_answer_now_on_an_ended_session_changes_nothing(make):
    _, reasoner = make()
    session = reasoner.submit(ask(budget=12))
    before = await session.wait()
    session.answer_now()
    assert session.document() == before


async def test_answer_now_at_any_moment_still_answers(make):
    _, reasoner = make()
    for moment in range(100):
        session = reasoner.submit(ask(budget=20, checkpoints=[4, 20]))
        for _ in range(moment):
            await asyncio.sleep(0)
        session.answer_now()
        document = await session.wait()
        assert document.answer.text == ANSWER, moment
        assert document.stop_reason in ("answer_now", "budget")


async def test_a_settled_answer_ends_the_thinking(make):
    _, reasoner = make(thinking="a; " + "x" * 400, pause_s=0.0005)
    request = ask(budget=300, checkpoints={"every": 10}, stop_when={"stable": 3})
    document = await reasoner.submit(request).wait()
    assert document.stop_reason == "stable"
    assert document.budget.spent < 300
    assert max(checkpoint.stable_for for checkpoint in document.checkpoints) >= 3


async def test_a_sure_answer_ends_the_thinking(make):
    _, reasoner = make(thinking="x" * 400, pause_s=0.0005)
    request = ask(budget=300, checkpoints={"every": 10}, stop_when={"confidence": 0.5})
    document = await reasoner.submit(request).wait()
    assert document.stop_reason == "stable"
    assert document.budget.spent < 100


async def test_stop_strings_end_the_answer_and_are_not_part_of_it(make):
    engine, reasoner = make()
    session = reasoner.submit(ask(budget=8, stop=["\nAns", "zzz"], checkpoints=[]))
    document = await session.wait()
    assert document.answer.text == "There are 4."
    assert "".join(e.delta for e in await events_of(session) if e.type == "answer.delta") == "There are 4."
    assert engine.active == set()


async def test_the_answer_is_no_longer_than_asked(make):
    _, reasoner = make()
    document = await reasoner.submit(ask(budget=8, max_answer_tokens=5)).wait()
    assert (document.answer.text, document.usage.answer) == ("There", 5)


async def test_cancelling_ends_the_session_and_frees_the_engine(make):
    engine, reasoner = make(thinking="x" * 900, pause_s=0.001)
    session = reasoner.submit(ask(budget=800, checkpoints={"every": 50}))
    await until_spent(session, 60)
    session.cancel()
    document = await session.wait()
    assert document.status == "cancelled"
    assert document.answer.value == "0"
    assert engine.active == set()
    assert (await events_of(session))[-1].type == "reason.cancelled"
    session.cancel()
    assert session.document() == document


async def test_cancelling_at_any_moment_leaves_one_terminal_event(make):
    engine, reasoner = make()
    for moment in range(80):
        session = reasoner.submit(ask(budget=10, checkpoints=[3, 6]))
        for _ in range(moment):
            await asyncio.sleep(0)
        session.cancel()
        await session.wait()
        terminal = [e.type for e in await events_of(session) if e.type in ("reason.cancelled", "reason.completed")]
        assert len(terminal) == 1, moment
    assert engine.active == set()


async def test_an_engine_that_dies_fails_the_session_with_the_best_answer_so_far(make):
    engine, reasoner = make(thinking="a;b;" + "x" * 400, pause_s=0.001)
    session = reasoner.submit(ask(budget=300, checkpoints=[6, 290]))
    async for entry in session.log.read():
        if entry.type == "checkpoint.answer":
            engine.dead = True
            break
    document = await session.wait()
    assert (document.status, document.error.type, document.answer.value) == ("failed", "engine_error", "2")
    assert (await events_of(session))[-1].type == "reason.failed"
    assert engine.active == set()
    engine.dead = False
    reasoner.extend(session.id, 301, relative=False)
    assert (await session.wait()).status == "completed"


async def test_a_bug_fails_the_session_without_telling_its_insides(make, caplog):
    engine, reasoner = make()
    engine._prefer = lambda ids, seed: 1 / 0
    document = await reasoner.submit(ask(budget=8)).wait()
    assert (document.status, document.error.type) == ("failed", "server_error")
    assert "division" not in document.error.message
    assert "division" in caplog.text


async def test_no_session_floods_the_engine_with_branches(make):
    engine, reasoner = make(thinking="x" * 400)
    request = ask(budget=250, checkpoints={"every": 1}, interim={"samples": 16, "temperature": 1.0})
    session = reasoner.submit(request)
    most = 0
    while not session.has_ended:
        most = max(most, len(engine.active))
        await asyncio.sleep(0)
    assert 1 < most <= 1 + 32 // 16
    assert len(session.document().checkpoints) == 249


async def test_tokens_that_a_grammar_rules_out_have_a_logprob_that_json_can_tell():
    class Ruled(FakeEngine):
        async def _generate(self, request):
            async for chunk in super()._generate(request):
                ruled_out = tuple(((ord("x"), float("-inf")),) for _ in chunk.alternatives)
                yield replace(chunk, alternatives=ruled_out)

    engine = Ruled(scripted(THINKING, ANSWER))
    session = Reasoner(engine, fake_format(engine)).submit(ask(budget=4, logprobs=True, top_logprobs=1))
    document = await session.wait()
    assert document.answer.logprobs[0].top_logprobs[0].logprob == -9999
    assert json.dumps(document.model_dump(), allow_nan=False)
    assert [event.type for event in await events_of(session)][-1] == "reason.completed"
