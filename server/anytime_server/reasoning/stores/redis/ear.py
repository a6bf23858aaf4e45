"""The one connection on which a replica hears the others: commands, replies, and the sessions that it reads.

However many clients read however many sessions, one call waits for all of them. To be heard at once, a newly read
session interrupts it: the replica posts a note to itself.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from anytime_server.reasoning.stores.redis.failure import failed
from anytime_server.reasoning.stores.redis.feed import Feed
from anytime_server.reasoning.stores.redis.keys import Keys
from anytime_server.reasoning.stores.redis.reading import entry_of
from anytime_server.reasoning.stores.redis.settings import RedisSettings, milliseconds

PAGE = 256
"""Entries of one stream in a reply."""

POST_KEPT = 4096
"""Messages to a replica that are kept, about: it reads them in milliseconds."""

NOTE = b"note"
"""A message to oneself: there is something else to listen to."""

Message = Mapping[str, str | int]
"""What one replica tells another: fields, and below how they arrive."""

Post = Mapping[bytes, bytes]

logger = logging.getLogger(__name__)


class Ear:
    """Hears for one replica."""

    def __init__(
        self, client: Redis, keys: Keys, replica: str, settings: RedisSettings, heard: Callable[[Post], None]
    ) -> None:
        """Listen for `replica`; `heard` gets what others post to it."""
        self._client, self._keys, self._replica, self._settings = client, keys, replica, settings
        self._heard = heard
        self._last_post = "0-0"
        self._feeds: dict[str, Feed] = {}
        self._waiting = False
        self._note: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, session_id: str, last: int) -> Iterator[Feed]:
        """Feed a session within the block, from behind entry number `last`, or from earlier on."""
        feed = self._feeds.get(session_id)
        if feed is None:
            feed = self._feeds[session_id] = Feed(session_id, last)
            self._interrupt()
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if feed.readers == 0:
                self._forget(feed)

    async def post(self, replica: str, message: Message) -> None:
        """Tell a replica something.

        Raises:
            RedisError: if Redis fails.
        """
        name = self._keys.post(replica)
        values: Any = dict(message)
        async with self._client.pipeline(transaction=False) as calls:
            calls.xadd(name, values, maxlen=POST_KEPT)
            calls.pexpire(name, milliseconds(self._settings.lease_s + self._settings.command_s))
            await calls.execute()

    async def run(self) -> None:
        """Listen until cancelled."""
        now = asyncio.get_running_loop().time
        tended = now()
        while True:
            try:
                await self._listen()
                if now() - tended > self._settings.reader_s / 3:
                    tended = now()
                    await self._close_ended(list(self._feeds.values()))
            except RedisError as error:
                logger.debug("nothing is heard", extra=failed(error))
                await asyncio.sleep(self._settings.pause_s)

    async def _listen(self) -> None:
        """Wait for something, and pass it on."""
        post = self._keys.post(self._replica)
        feeds = {self._keys.entries(feed.session_id): feed for feed in self._feeds.values()}
        positions: Any = {post: self._last_post, **{name: f"{feed.position}-0" for name, feed in feeds.items()}}
        self._waiting = True
        try:
            # Well within the time-out of a call: a connection that is dead is noticed by that.
            answer: Any = await self._client.xread(
                positions, count=PAGE, block=milliseconds(self._settings.timeout_s / 2)
            )
        finally:
            self._waiting = False
        doubtful = []
        for raw_name, messages in answer or ():
            name = raw_name.decode()
            if name == post:
                self._take_post(messages)
            else:
                feed = feeds[name]
                feed.take(entry_of(id, values) for id, values in messages)
                if feed.may_have_ended:
                    doubtful.append(feed)
        await self._close_ended(doubtful)

    def _take_post(self, messages: list[tuple[bytes, Post]]) -> None:
        for id, message in messages:
            self._last_post = id.decode()
            if NOTE not in message:
                self._heard(message)

    async def _close_ended(self, feeds: list[Feed]) -> None:
        """Close the feeds whose sessions have ended, or are gone."""
        if not feeds:
            return
        async with self._client.pipeline(transaction=False) as calls:
            for feed in feeds:
                calls.hmget(self._keys.session(feed.session_id), ["ended", "len"])
            answers = await calls.execute()
        for feed, (ended, length) in zip(feeds, answers, strict=True):
            if length is None or (ended == b"1" and int(length) <= feed.position):
                feed.close()
                self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        if self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]

    def _interrupt(self) -> None:
        if self._waiting and (self._note is None or self._note.done()):
            self._note = asyncio.create_task(self._post_note())

    async def _post_note(self) -> None:
        try:
            await self.post(self._replica, {NOTE.decode(): 1})
        except RedisError as error:
            logger.debug("no note to myself", extra=failed(error))
