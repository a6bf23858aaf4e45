"""What a completion tells of a session: its first run, and one train of thought."""

from collections.abc import AsyncIterator, Iterator

from anytime_client.protocol import EVENT_ADAPTER, AnswerDelta, Event, TerminalEvent, ThinkingDelta
from anytime_server.reasoning import Session


async def run_events(session: Session) -> AsyncIterator[Event]:
    """Yield the session's events up to its first terminal one, whatever an extension has added since.

    Of several trunks only the thinking of the one that answers is told, and so not before it answers.
    """
    voice = _OneVoice()
    async for entry in session.read():
        event: Event = EVENT_ADAPTER.validate_json(entry.data)
        for told in voice.feed(event):
            yield told
        if isinstance(event, TerminalEvent):
            return


class _OneVoice:
    """Holds back what several trunks think until one of them answers."""

    def __init__(self) -> None:
        """Hold nothing back yet."""
        self._held: dict[int, list[ThinkingDelta]] = {}

    def feed(self, event: Event) -> Iterator[Event]:
        """Yield what can be told with `event`."""
        if isinstance(event, ThinkingDelta) and event.trunk is not None:
            self._held.setdefault(event.trunk, []).append(event)
            return
        if isinstance(event, AnswerDelta) and event.trunk is not None:
            yield from self._released(event.trunk)
        elif isinstance(event, TerminalEvent) and self._held:
            told = event.document.thinking
            yield from self._released(next(one.trunk for one in event.document.trunks or () if one.thinking == told))
        yield event

    def _released(self, trunk: int) -> list[ThinkingDelta]:
        released, self._held = self._held.get(trunk, []), {}
        return released
