"""An engine shared by several clients: who goes first (`virtual_time`), who may hold how much (`shares`).

`queue` puts the two together. Pure: no clocks, no waiting.
"""

from anytime_server.controller.fairness.queue import FairQueue, Ticket
from anytime_server.controller.fairness.shares import Shares
from anytime_server.controller.fairness.virtual_time import NO_WEIGHTS, VirtualTime

__all__ = ["NO_WEIGHTS", "FairQueue", "Shares", "Ticket", "VirtualTime"]
