"""What a completion tells of a session: its first run."""

from collections.abc import AsyncIterator

from anytime_client.protocol import EVENT_ADAPTER, Event, TerminalEvent
from anytime_server.reasoning import Session


async def run_events(session: Session) -> AsyncIterator[Event]:
    """Yield the session's events up to its first terminal one, whatever an extension has added since."""
    async for entry in session.read():
        event: Event = EVENT_ADAPTER.validate_json(entry.data)
        yield event
        if isinstance(event, TerminalEvent):
            return
