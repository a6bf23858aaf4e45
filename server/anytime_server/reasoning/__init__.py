"""Sessions: a trunk, its branches, stopping, and the event log that tells it all."""

from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.plans.structured import schemas_in
from anytime_server.reasoning.reading.handle import Handle, Standing
from anytime_server.reasoning.reasoner import Reasoner
from anytime_server.reasoning.sessions.session import Session
from anytime_server.reasoning.settings.defaults import RequestDefaults
from anytime_server.reasoning.settings.settings import ReasonSettings
from anytime_server.reasoning.surroundings.observer import Observer, Observers

__all__ = [
    "Handle",
    "Observer",
    "Observers",
    "Plan",
    "ReasonSettings",
    "Reasoner",
    "RequestDefaults",
    "Session",
    "Standing",
    "schemas_in",
]
