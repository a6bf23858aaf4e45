"""Budgets under load: how much can be granted now (`scale`), to whom (`grants`, by its worth: `curve`), when (`moves`).

`pace` says how long things take, and so which deadlines can be kept. Pure: time is passed in, so that serving and a
simulation share it.
"""

from anytime_server.controller.load.curve import AccuracyCurve
from anytime_server.controller.load.grants import Claim, grants
from anytime_server.controller.load.moves import moved
from anytime_server.controller.load.pace import Pace, Promise
from anytime_server.controller.load.scale import LoadPolicy, LoadScale, LoadSignals

__all__ = ["AccuracyCurve", "Claim", "LoadPolicy", "LoadScale", "LoadSignals", "Pace", "Promise", "grants", "moved"]
