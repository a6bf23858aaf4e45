"""What every route that waits for sessions does: find them, and be their reader."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from fastapi import Request

from anytime_client.protocol import ReasonDocument
from anytime_server.reasoning import Reasoner, Session


def reasoner_of(request: Request) -> Reasoner:
    """Return the app's reasoner."""
    reasoner: Reasoner = request.app.state.reasoner
    return reasoner


async def wait_for(sessions: Sequence[Session], request: Request) -> list[ReasonDocument]:
    """Be a reader until the sessions have ended, or until the client leaves; return them as they stand."""
    finished = asyncio.ensure_future(_all(sessions))
    gone = asyncio.ensure_future(_until_disconnect(request))
    with ExitStack() as reading:
        for session in sessions:
            reading.enter_context(session.audience.reading())
        try:
            await asyncio.wait([finished, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished.cancel()
            gone.cancel()
    return [session.document() for session in sessions]


async def _all(sessions: Sequence[Session]) -> None:
    # One that has ended may be extended while others still run.
    while running := [session for session in sessions if not session.has_ended]:
        await running[0].wait()


async def _until_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
