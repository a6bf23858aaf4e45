"""What an engine generates as the event stream of vLLM's route; leaving it aborts the request.

An event costs more than a token of a small model. So what comes within some milliseconds goes together.
"""

import asyncio
import json
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anytime_server.engines import Chunk, Engine, EngineRequest
from anytime_server.errors import AnytimeError

PACE_S = 0.004
"""Seconds between two events of a stream: far less than a person sees, or than a large model takes for a token."""

LEAST_LOGPROB = -9999.0
"""In place of minus infinity, which JSON can't tell."""

START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}
DONE = b"data: [DONE]\n\n"

_encode = json.JSONEncoder(separators=(",", ":")).encode


class TokenStream(Response):
    """The response to one request."""

    def __init__(self, engine: Engine, request: EngineRequest) -> None:
        """Generate nothing yet."""
        super().__init__()
        self._engine = engine
        self._request = request
        self._pending: list[Chunk] = []
        self._news = asyncio.Event()
        self._prompt = self._cached = self._generated = 0
        self._failure: AnytimeError | None = None
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream until it has ended, or nobody reads it any more."""
        reading = asyncio.create_task(self._read())
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A task of ours is cancelled once, so what the engine does at the end is done; a cancel scope goes on.
            for task in (reading, sending, leaving):
                task.cancel()
            await asyncio.gather(reading, sending, leaving, return_exceptions=True)
        for task in (reading, sending):
            if not task.cancelled():
                task.result()

    async def _read(self) -> None:
        """Take in what the engine generates."""
        try:
            async with aclosing(self._engine.generate(self._request)) as chunks:
                async for chunk in chunks:
                    self._pending.append(chunk)
                    self._news.set()
        except AnytimeError as error:
            self._failure = error
        finally:
            self._ended = True
            self._news.set()

    async def _send(self, send: Send) -> None:
        await send(START)
        while not self._ended:
            await self._news.wait()
            self._news.clear()
            if self._pending:
                await send(_body(self._tokens()))
            if not self._ended:
                await asyncio.sleep(PACE_S)
        rest = self._tokens() if self._pending else b""
        await send(_body(rest + self._end() + DONE))
        await send({"type": "http.response.body", "body": b""})

    def _tokens(self) -> bytes:
        """The event of what is pending."""
        chunks, self._pending = self._pending, []
        first = not self._generated
        self._prompt += sum(chunk.prompt_tokens for chunk in chunks)
        self._cached += sum(chunk.cached_tokens for chunk in chunks)
        tokens = [token for chunk in chunks for token in chunk.token_ids]
        self._generated += len(tokens)
        content = [each for chunk in chunks for each in _content(self._request, chunk)]
        logprobs = {"content": content} if self._request.logprobs else None
        finish = chunks[-1].finish_reason
        choice = {"index": 0, "finish_reason": finish, "token_ids": tokens, "logprobs": logprobs}
        # vLLM tells what was cached at the end alone, which whoever leaves before does not read.
        return self._event([choice], self._told() if first else None)

    def _end(self) -> bytes:
        """The event of the usage, or of a failure: vLLM has 400 for what a client can change, and 500 for the rest."""
        error = self._failure
        if error is not None:
            code = 400 if error.status < 500 else 500
            said = {"message": error.message, "type": error.type, "param": error.param, "code": code}
            return _event({"error": said})
        return self._event([], self._told())

    def _told(self) -> dict[str, Any]:
        """The usage so far."""
        counts = {"prompt_tokens": self._prompt, "completion_tokens": self._generated}
        details = {"cached_tokens": self._cached}
        return {**counts, "total_tokens": self._prompt + self._generated, "prompt_tokens_details": details}

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        id = self._request.request_id
        return _event({"request_id": id, "output_mode": "tokens", "usage": usage, "choices": choices})


def _content(request: EngineRequest, chunk: Chunk) -> list[dict[str, Any]]:
    """Each token with its logprob, and the likeliest ones in its place: it stands among them itself, and first."""
    if not request.logprobs:
        return []
    others = chunk.alternatives or ((),) * len(chunk.token_ids)
    content = []
    for token, logprob, likeliest in zip(chunk.token_ids, chunk.logprobs, others, strict=True):
        listed = [(token, logprob), *(pair for pair in likeliest if pair[0] != token)]
        top = [_logprob(*pair) for pair in listed[: max(request.top_logprobs, 1)]]
        content.append({**_logprob(token, logprob), "top_logprobs": top})
    return content


def _logprob(token: int, logprob: float) -> dict[str, Any]:
    # Written so that what is no number is the least, too.
    return {"token_id": token, "logprob": logprob if logprob > LEAST_LOGPROB else LEAST_LOGPROB}


def _event(said: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % _encode(said).encode()


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
