"""Commands to running sessions, from whichever replica was asked to the one that runs them.

A command is sent again when no reply comes, and to the next owner when the session was taken over meanwhile. So
whatever it does it must do once: owners know the ids of commands, and an extension has a key.
"""

import asyncio
import logging
import secrets

from redis.asyncio import Redis
from redis.exceptions import RedisError

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import AnytimeError, Unavailable
from anytime_server.logs import fields
from anytime_server.reasoning.stores.contract import Command, Host
from anytime_server.reasoning.stores.redis.ear import Ear, Post
from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.journal import Journal
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.reading import owner_of
from anytime_server.reasoning.stores.redis.settings import RedisSettings
from anytime_server.reasoning.stores.redis.wire import (
    COMMAND,
    REPLY,
    command_message,
    command_of,
    outcome_message,
    outcome_of,
)
from anytime_server.tasks import end_tasks

RETRY_AFTER_S = 5

Outcome = ReasonDocument | AnytimeError | None
"""What became of a command; None: the session does not run there."""

logger = logging.getLogger(__name__)


class Errands:
    """Sends commands, and waits for what becomes of them."""

    def __init__(self, client: Redis, keys: Keys, replica: str, ear: Ear, settings: RedisSettings) -> None:
        """Send for `replica`."""
        self._client, self._keys, self._replica, self._ear, self._settings = client, keys, replica, ear, settings
        self._open: dict[str, asyncio.Future[Post]] = {}

    def heard(self, message: Post) -> None:
        """Take a reply."""
        reply = self._open.get(message[REPLY].decode())
        if reply is not None and not reply.done():
            reply.set_result(message)

    async def ask(self, session_id: str, command: Command) -> ReasonDocument | None:
        """Have a command performed by whoever runs the session; return None once nobody does since it has ended.

        Raises:
            AnytimeError: as the owner told it.
            Unavailable: if there was no reply in time.
        """
        id = secrets.token_hex(8)
        try:
            return await self._ask(id, session_id, command)
        finally:
            self._open.pop(id, None)

    async def _ask(self, id: str, session_id: str, command: Command) -> ReasonDocument | None:
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._settings.command_s
        while clock() < give_up_at:
            reply = self._open[id] = asyncio.get_running_loop().create_future()
            try:
                owner = await owner_of(self._client, self._keys, session_id)
                if owner is None:
                    return None
                await self._ear.post(owner, command_message(id, self._replica, session_id, command))
            except RedisError as error:
                logger.debug("command not sent", extra=failed(error))
            await asyncio.wait([reply], timeout=self._settings.reply_s)
            outcome: Outcome = outcome_of(reply.result()) if reply.done() else None
            if isinstance(outcome, AnytimeError):
                raise outcome
            if outcome is not None:
                return outcome
            if reply.done():
                await asyncio.sleep(self._settings.pause_s)
        raise Unavailable(
            f"the server that runs session {session_id!r} does not answer; try again in a moment",
            retry_after=RETRY_AFTER_S,
        )


class Desk:
    """Performs the commands that come in, each once."""

    def __init__(self, ear: Ear, journal: Journal, host: Host, settings: RedisSettings) -> None:
        """Have commands performed by `host`."""
        self._ear, self._journal, self._host, self._settings = ear, journal, host, settings
        self._performed: dict[str, asyncio.Task[Outcome]] = {}
        self._replies: set[asyncio.Task[None]] = set()

    def heard(self, message: Post) -> None:
        """Take a command; one that was sent again is answered as the first time."""
        id, sender = message[COMMAND].decode(), message[b"sender"].decode()
        performed = self._performed.get(id)
        if performed is None:
            performed = asyncio.create_task(self._perform(message))
            self._performed[id] = performed
            performed.add_done_callback(lambda done: self._performed_is(id, done))
        elif not performed.done():
            return
        reply = asyncio.create_task(self._reply(id, sender, performed))
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)

    async def close(self) -> None:
        """Leave what is not done: who has asked asks the next owner."""
        tasks = [*self._performed.values(), *self._replies]
        await end_tasks(tasks)

    async def _perform(self, message: Post) -> Outcome:
        session_id, command = message[b"session"].decode(), command_of(message)
        if not self._journal.owns(session_id):
            return None
        try:
            document = await self._host.perform(session_id, command)
        except AnytimeError as error:
            return error
        if command.name == "document" or await self._journal.written(session_id):
            return document
        # Ended and written since, or lost to another replica: who has asked finds out which.
        return None

    async def _reply(self, id: str, sender: str, performed: "asyncio.Task[Outcome]") -> None:
        await asyncio.wait([performed])
        if performed.cancelled():
            return
        failure = performed.exception()
        if failure is not None:
            logger.error("a command failed", exc_info=failure, extra=fields(command=id))
        outcome = performed.result() if failure is None else AnytimeError("the server that runs the session failed")
        try:
            await self._ear.post(sender, outcome_message(id, outcome))
        except RedisError as error:
            logger.debug("no reply sent", extra=failed(error))
            # The command comes again.

    def _performed_is(self, id: str, performed: "asyncio.Task[Outcome]") -> None:
        """Keep the outcome for as long as the command can come again, if there was something to do."""
        if performed.cancelled() or performed.exception() is not None or performed.result() is not None:
            later = 2 * self._settings.command_s
            asyncio.get_running_loop().call_later(later, self._performed.pop, id, None)
        else:
            del self._performed[id]
