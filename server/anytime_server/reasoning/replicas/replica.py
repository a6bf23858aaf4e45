"""What a store asks of this process as one of several that share their sessions (see `stores.Host`)."""

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2b

from anytime_client.protocol import ReasonDocument
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Engine
from anytime_server.reasoning.replicas.here import Extend, Here
from anytime_server.reasoning.sessions.sessions import Sessions
from anytime_server.reasoning.settings.settings import ReasonSettings
from anytime_server.reasoning.stores import Command, StoredSession

VERSION = 2
"""Of what is stored: another one can't be restored."""


class Replica:
    """A `Host` over the sessions of this process."""

    def __init__(self, sessions: Sessions, room: Callable[[], int], extend: Extend) -> None:
        """Take over sessions while there is `room`, and extend them by `extend`."""
        self._sessions = sessions
        self._room = room
        self._extend = extend

    def room(self) -> int:
        """See `Host.room`."""
        return self._room()

    def adopt(self, stored: StoredSession) -> None:
        """See `Host.adopt`."""
        self._sessions.take_over(stored)

    def lose(self, session_id: str) -> None:
        """See `Host.lose`."""
        if (session := self._sessions.archive.find(session_id)) is not None:
            self._sessions.drop(session)

    async def perform(self, session_id: str, command: Command) -> ReasonDocument:
        """See `Host.perform`."""
        if command.name == "extend":
            return await self._extend(session_id, command.budget, command.relative, command.key)
        session = Here(self._sessions.archive.get(session_id), self._extend)
        match command.name:
            case "document":
                return await session.document()
            case "answer_now":
                return await session.answer_now()
            case "cancel":
                return await session.cancel()


def fingerprint(engine: Engine, format: ThinkingFormat, settings: ReasonSettings) -> str:
    """Return what tells sessions that this process can go on with from others."""
    parts = [VERSION, engine.model, asdict(format.markers), engine.limits.max_model_len, settings.landing]
    return blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
