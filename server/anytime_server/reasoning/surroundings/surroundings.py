"""What surrounds the sessions of this process: one of each for all of them."""

from dataclasses import dataclass

from anytime_server.engines import Engine
from anytime_server.reasoning.answers.agreement import Judge
from anytime_server.reasoning.deadlines.speed import Speed
from anytime_server.reasoning.settings.settings import ReasonSettings
from anytime_server.reasoning.stores import Store
from anytime_server.reasoning.surroundings.observer import Observer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every session works with.

    Attributes:
        engine: what generates.
        settings: what the operator has decided.
        observer: told of what happens.
        store: keeps the sessions, and knows those that have moved.
        judge: helps to tell which answers agree.
        speed: how fast they all come to their answers.
    """

    engine: Engine
    settings: ReasonSettings
    observer: Observer
    store: Store
    judge: Judge
    speed: Speed
