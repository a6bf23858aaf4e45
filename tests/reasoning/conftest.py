import pytest

from anytime_client.protocol import EVENT_ADAPTER, ReasonRequest
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.sessions import sessions
from fakes import FakeEngine, fake_format, scripted

THINKING = "a=1; b=2; c=3; d=4; done"
ANSWER = "There are 4.\nAnswer: 4"


@pytest.fixture
def make():
    """Make an engine and a reasoner over it."""

    def factory(thinking=THINKING, answer=ANSWER, *, observer=None, max_model_len=4096, pause_s=0.0, **settings):
        engine = FakeEngine(scripted(thinking, answer), max_model_len, pause_s)
        return engine, Reasoner(engine, fake_format(engine), ReasonSettings(**settings), observer)

    return factory


class NoJudge:
    """Decides nothing: what a process decides in its own time is another matter."""

    async def decide(self, pairs, patience_s):
        return {}


@pytest.fixture(scope="module")
def no_judge():
    """Let no process help to compare answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "Judge", NoJudge)
        yield


def ask(**fields):
    return ReasonRequest(**{"prompt": "count", **fields})


async def events_of(session, after=0):
    return [EVENT_ADAPTER.validate_json(entry.data) async for entry in session.log.read(after)]


async def until_spent(session, tokens):
    async for _ in session.log.read():
        if session.document().budget.spent >= tokens:
            return


def told(events):
    """What a reader is told in the end: texts whole, interim answers, and how each run ended."""
    thinking = "".join(event.delta for event in events if event.type == "thinking.delta")
    answer = "".join(event.delta for event in events if event.type == "answer.delta")
    checkpoints = [(e.at, e.answer, e.value) for e in events if e.type == "checkpoint.answer"]
    ends = [
        (e.type, e.document.stop_reason, e.document.answer, e.document.thinking, e.document.budget, e.document.usage)
        for e in events
        if e.type in ("reason.completed", "reason.failed", "reason.cancelled")
    ]
    return thinking, answer, checkpoints, [end[:5] for end in ends], [_lasting(end[5]) for end in ends]


def _lasting(usage):
    return usage.thinking, usage.forced, usage.answer
