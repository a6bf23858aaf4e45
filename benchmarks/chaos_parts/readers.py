"""Readers of sessions: one over bare HTTP that forgives nothing, one that stalls, and the SDK's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from anytime_client import AnytimeError, AsyncAnytime
from chaos_parts.front import STREAM_HEADER
from chaos_parts.plain import NO_TLS
from chaos_parts.scenario import SessionPlan
from chaos_parts.transcript import Transcript

READ_S = 20.0
"""Longer than the server's heartbeat."""
RETRY_S = 0.1
REFUSALS = 300
"""Answers in a row that are no stream, before a reader gives up: more than any restart takes."""
RETRIED = {404, 409, 429, 500, 502, 503, 504}
STALL_EVENTS, STALL_S = 5, 1.5


class Refused(Exception):
    """A request that no server takes."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Where the servers are, and requests to them.

    Attributes:
        url: of the front.
    """

    url: str

    def client(self, name: str) -> httpx.AsyncClient:
        """Return a client whose first connection is the next one of session `name`."""
        headers = {STREAM_HEADER: name, "Connection": "close"}
        return httpx.AsyncClient(
            base_url=self.url, timeout=httpx.Timeout(READ_S, connect=5), headers=headers, verify=NO_TLS
        )

    async def ask(self, method: str, path: str, key: str | None = None) -> httpx.Response:
        """Make a request until it succeeds, at any server.

        Raises:
            Refused: if it is refused for good, or too often.
        """
        headers = {"Idempotency-Key": key} if key else {}
        refusal = "nothing"
        for _ in range(REFUSALS):
            try:
                async with self.client("") as client:
                    response = await client.request(method, path, headers=headers)
                if response.is_success:
                    return response
                refusal = f"{response.status_code} {response.text[:300]}"
                if response.status_code not in RETRIED:
                    break
            except httpx.TransportError as error:
                refusal = repr(error)
            await asyncio.sleep(RETRY_S)
        raise Refused(f"{method} {path}: {refusal}")


class StrictReader:
    """Reads one session over as many connections as it takes, and notes everything that should not be."""

    def __init__(self, plan: SessionPlan, wire: Wire, transcript: Transcript) -> None:
        """Read the session of `plan` into `transcript`."""
        self._plan = plan
        self._wire = wire
        self._transcript = transcript
        self._refused = 0
        self._stalled = plan.reader != "stalling"

    async def begin_unread(self) -> None:
        """Begin a background session without reading it."""
        async with asyncio.timeout(READ_S * 10):
            while not self._transcript.id:
                try:
                    async with self._wire.client(self._plan.name) as client:
                        response = await client.post("/reason", json=dict(self._plan.body), headers=self._key)
                    if response.status_code == 202:
                        self._transcript.id = response.json()["id"]
                        return
                    self._refuse(response)
                except httpx.TransportError:
                    self._transcript.broken += 1
                await asyncio.sleep(RETRY_S)

    async def read_to_end(self, ends: int) -> None:
        """Read until so many runs have ended."""
        transcript = self._transcript
        while transcript.ends < ends and self._refused < REFUSALS:
            transcript.connections += 1
            before = transcript.last
            try:
                async with self._wire.client(self._plan.name) as client, self._open(client) as response:
                    if response.status_code != 200:
                        await response.aread()
                        self._refuse(response)
                    else:
                        await self._take_all(response)
                        if transcript.document is None:
                            transcript.broken += 1  # the session has moved, or the server is going
            except httpx.TransportError:
                transcript.broken += 1
            if transcript.last == before:
                await asyncio.sleep(RETRY_S)
            else:
                self._refused = 0
        if transcript.ends < ends:
            transcript.violations.append("given up: no stream after many attempts")

    def _open(self, client: httpx.AsyncClient) -> "httpx._client.AsyncContextManager[httpx.Response]":
        if not self._transcript.id:
            body = {**self._plan.body, "stream": True}
            return client.stream("POST", "/reason", json=body, headers=self._key)
        headers = {"Last-Event-ID": str(self._transcript.last)}
        return client.stream("GET", f"/reason/{self._transcript.id}/events", headers=headers)

    async def _take_all(self, response: httpx.Response) -> None:
        async for id, data in messages(response):
            self._transcript.take(data, id)
            if not self._stalled and self._transcript.last >= STALL_EVENTS:
                self._stalled = True
                await asyncio.sleep(STALL_S)

    def _refuse(self, response: httpx.Response) -> None:
        self._refused += 1
        if response.status_code not in {*RETRIED, 204}:
            self._transcript.violations.append(f"{response.status_code}: {response.text[:300]}")
            self._refused = REFUSALS

    @property
    def _key(self) -> dict[str, str]:
        return {"Idempotency-Key": self._plan.name}


async def messages(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield the id and the data of each whole server-sent event; what is cut off counts for nothing."""
    buffer = ""
    async for text in response.aiter_text():
        buffer += text.replace("\r\n", "\n")
        while "\n\n" in buffer:
            block, _, buffer = buffer.partition("\n\n")
            fields = dict(line.partition(": ")[::2] for line in block.split("\n") if not line.startswith(":"))
            if "data" in fields:
                yield fields.get("id", ""), fields["data"]


async def read_by_sdk(plan: SessionPlan, wire: Wire, transcript: Transcript) -> None:
    """Read one session with the SDK, which reconnects by itself."""
    headers = {STREAM_HEADER: plan.name}
    async with (
        AsyncAnytime(wire.url, headers=headers, max_retries=REFUSALS, sleep=_soon) as client,
        client.stream(**plan.body) as stream,
    ):
        async for event in stream:
            transcript.take(event.model_dump_json(), str(event.sequence_number))


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 1.0))


Wait = Callable[[Callable[[], bool]], Awaitable[None]]
"""Returns once a condition holds."""


async def read_session(
    plan: SessionPlan, wire: Wire, transcript: Transcript, wait: Wait, tokens: Callable[[], int]
) -> None:
    """Begin a session, read it to its end, and steer it on the way. What goes wrong is noted in the transcript.

    Args:
        plan: what to ask and how to read.
        wire: the servers.
        transcript: what comes.
        wait: waits for a condition.
        tokens: thinking tokens seen of all sessions.
    """
    await wait(lambda: tokens() >= plan.begins)
    transcript.begin()
    try:
        await _read(plan, wire, transcript, wait, tokens)
    except (AnytimeError, Refused) as error:
        transcript.violations.append(f"given up: {error!r}")


async def _read(plan: SessionPlan, wire: Wire, transcript: Transcript, wait: Wait, tokens: Callable[[], int]) -> None:
    if plan.reader == "sdk":
        await read_by_sdk(plan, wire, transcript)
        return
    reader = StrictReader(plan, wire, transcript)
    if plan.body.get("background"):
        await reader.begin_unread()
        await wait(lambda: tokens() >= plan.unread_until)
        transcript.arrivals.clear()
        transcript.begin()
    steer = plan.steer
    if steer is None:
        await reader.read_to_end(1)
    elif steer.after is None:
        await reader.read_to_end(1)
        await wire.ask("POST", f"/reason/{transcript.id}/extend?budget={steer.budget}", key=f"{plan.name}+")
        await reader.read_to_end(2)
    else:
        reading = asyncio.create_task(reader.read_to_end(1))
        await wait(lambda: transcript.spent >= (steer.after or 0) or reading.done())
        path = f"/reason/{transcript.id}/{steer.action}"
        try:
            await wire.ask("POST", f"{path}?budget={steer.budget}" if steer.action == "extend" else path)
        finally:
            await reading
