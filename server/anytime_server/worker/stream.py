"""What an engine generates as the event stream of vLLM's route; leaving it aborts the request."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anytime_server.engines import Chunk, Engine, EngineRequest
from anytime_server.errors import AnytimeError

LEAST_LOGPROB = -9999.0
"""In place of minus infinity, which JSON can't tell."""

START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}


class TokenStream(Response):
    """The response to one request."""

    def __init__(self, engine: Engine, request: EngineRequest) -> None:
        """Generate nothing yet."""
        super().__init__()
        self._engine = engine
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream until it has ended, or nobody reads it any more."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A task of ours is cancelled once, so what the engine does at the end is done; a cancel scope goes on.
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send(START)
        async with aclosing(self.events()) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield the events: an object for each chunk, one with the usage, and the end; in between, an error."""
        request, prompt, cached, generated = self._request, 0, 0, 0
        try:
            async with aclosing(self._engine.generate(request)) as chunks:
                async for chunk in chunks:
                    prompt, cached = prompt + chunk.prompt_tokens, cached + chunk.cached_tokens
                    generated += len(chunk.token_ids)
                    yield _event(self._said([_choice(request, chunk)]))
            usage = {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}
            yield _event(self._said([], usage | {"prompt_tokens_details": {"cached_tokens": cached}}))
        except AnytimeError as error:
            # vLLM has 400 for what the client can change, and 500 for an engine that is down.
            code = 400 if error.status < 500 else 500
            yield _event({"error": {"message": error.message, "type": error.type, "param": error.param, "code": code}})
        yield b"data: [DONE]\n\n"

    def _said(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        said = {"request_id": self._request.request_id, "output_mode": "tokens", "choices": choices}
        return said | {"usage": usage} if usage else said


def _choice(request: EngineRequest, chunk: Chunk) -> dict[str, Any]:
    logprobs = {"content": _content(request, chunk)} if request.logprobs else None
    return {"index": 0, "finish_reason": chunk.finish_reason, "token_ids": chunk.token_ids, "logprobs": logprobs}


def _content(request: EngineRequest, chunk: Chunk) -> list[dict[str, Any]]:
    """Each token with its logprob, and the likeliest ones in its place: it stands among them itself, and first."""
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
    return b"data: %b\n\n" % json.dumps(said, separators=(",", ":")).encode()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
