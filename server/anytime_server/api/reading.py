"""What every route that waits for sessions does: find them, and be their reader."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from fastapi import Request

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import Unavailable
from anytime_server.reasoning import Handle, Reasoner


def reasoner_of(request: Request) -> Reasoner:
    """Return the app's reasoner."""
    reasoner: Reasoner = request.app.state.reasoner
    return reasoner


def client_of(request: Request) -> str:
    """Return the name of the client whose API key the request has; empty where there are no keys."""
    client: str = getattr(request.state, "client", "")
    return client


async def wait_for(sessions: Sequence[Handle], request: Request) -> list[ReasonDocument]:
    """Be a reader until the sessions have ended, or until the client leaves; return them as they stand.

    Raises:
        Unavailable: if one goes on elsewhere, and can't be followed there.
    """
    finished = asyncio.ensure_future(_all(sessions))
    gone = asyncio.ensure_future(_until_disconnect(request))
    with ExitStack() as reading:
        for session in sessions:
            reading.enter_context(session.reading())
        try:
            await asyncio.wait([finished, gone], return_when=asyncio.FIRST_COMPLETED)
            if finished.done():
                finished.result()
        finally:
            finished.cancel()
            gone.cancel()
    return [await session.document() for session in sessions]


async def _all(sessions: Sequence[Handle]) -> None:
    # One that has ended may be extended while others still run.
    while running := [(one, now.last) for one in sessions if not (now := await one.standing()).ended]:
        session, last = running[0]
        if await _last_event(session, last) == last:
            raise Unavailable(
                f"session {session.id} goes on in another replica; read it there by its id", retry_after=1
            )


async def _last_event(session: Handle, last: int) -> int:
    """Return the number of the event that a session's run ends with."""
    async for entry in session.read(last):
        last = entry.sequence_number
    return last


async def _until_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
