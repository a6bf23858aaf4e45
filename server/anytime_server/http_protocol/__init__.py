"""uvicorn's HTTP protocol, with bounds on what a client may send and on how long it may take.

headers.py      how large headers may be, told before the request is looked at
timeouts.py     how long a client may take: to send its request, to take its response
timed.py        ... watched on every connection
half_closed.py  a client that has sent all it wants to, and still listens
refusals.py     answers that are given without the application
"""

from anytime_server.http_protocol.half_closed import BoundedHttpProtocol
from anytime_server.http_protocol.headers import MAX_HEADER_BYTES
from anytime_server.http_protocol.timeouts import Timeouts

__all__ = ["MAX_HEADER_BYTES", "BoundedHttpProtocol", "Timeouts"]
