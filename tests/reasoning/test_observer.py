import pytest

from anytime_client.protocol import ReasonRequest
from anytime_server.errors import Overloaded
from anytime_server.reasoning import Observer, Observers


class Recorder(Observer):
    """Writes down what it is told, under its name."""

    def __init__(self, name, told):
        self._name = name
        self._told = told

    def started(self, session_id, plan):
        self._told.append((self._name, "started", session_id, plan.requested))

    def leg(self, session_id, number):
        self._told.append((self._name, "leg", session_id, number))

    def checkpoint(self, session_id, answer):
        self._told.append((self._name, "checkpoint", session_id, answer.at))

    def ended(self, document, usage):
        self._told.append((self._name, "ended", document.id, usage.thinking))

    def refused(self, reason):
        self._told.append((self._name, "refused"))


async def test_several_observers_are_told_of_every_step_in_their_order(make):
    told = []
    observers = Observers(Recorder("a", told), Observer(), Recorder("b", told))
    _, reasoner = make(observer=observers, max_sessions=1)
    session = reasoner.submit(ReasonRequest(prompt="count", budget=8, checkpoints=[4]))
    with pytest.raises(Overloaded):
        reasoner.submit(ReasonRequest(prompt="count"))
    await session.wait()
    steps = [
        ("started", session.id, 8),
        ("refused",),
        ("leg", session.id, 1),
        ("checkpoint", session.id, 4),
        ("ended", session.id, 8),
    ]
    assert told == [(name, *step) for step in steps for name in ("a", "b")]
