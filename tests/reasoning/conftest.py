import pytest

from anytime_client.protocol import EVENT_ADAPTER, ReasonRequest
from anytime_server.reasoning import Reasoner, ReasonSettings, sessions
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
