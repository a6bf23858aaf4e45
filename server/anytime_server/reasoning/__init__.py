"""Sessions: a trunk, its branches, stopping, and the event log that tells it all."""

from anytime_server.reasoning.defaults import RequestDefaults
from anytime_server.reasoning.handle import Handle, Standing
from anytime_server.reasoning.observer import Observer, Observers
from anytime_server.reasoning.plan import Plan
from anytime_server.reasoning.reasoner import Reasoner
from anytime_server.reasoning.session import Session
from anytime_server.reasoning.settings import ReasonSettings

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
]
