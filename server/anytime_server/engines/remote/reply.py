"""One stream of the route, from bytes to chunks of the contract.

Events that arrive in one read become one chunk. What the server found in its cache is told with the usage: by a worker
of ours with the first token, by vLLM behind the last one. So the last chunk waits for the end of the stream: there is
nothing but the usage before it.
"""

import json
from typing import Any, Literal

from anytime_server.engines.contract import Chunk, EngineRequest
from anytime_server.engines.structured import field_of, not_spelled
from anytime_server.errors import EngineDied, EngineError, InvalidRequest

MAX_EVENT_BYTES = 2**20
DONE = b"[DONE]"
INTERNAL = 500

Alternatives = tuple[tuple[int, float], ...]


class Reply:
    """What one sample's stream has said so far. Mutable; fed in the order of arrival."""

    def __init__(self, request: EngineRequest, sample: int, url: str) -> None:
        """Start before the first byte; `url` is named in errors."""
        self.ended = False
        self._request = request
        self._sample = sample
        self._url = url
        self._rest = b""
        self._begun = False
        self._tokens: list[int] = []
        self._logprobs: list[float] = []
        self._alternatives: list[Alternatives] = []
        self._finish: Literal["stop", "length"] | None = None
        self._cached = 0
        self._cached_told = 0

    def feed(self, data: bytes) -> Chunk | None:
        """Take in bytes; return what they completed, if anything.

        Raises:
            EngineDied: if the server says that its engine failed, or has dropped the request.
            EngineError: if it speaks another protocol.
            InvalidRequest: if it can't do what was asked for.
        """
        if self.ended:
            return None
        *events, self._rest = (self._rest + data).split(b"\n\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise self._strange("an event without an end")
        for event in events:
            if event.startswith(b"data:"):
                self._take(event[len(b"data:") :].strip())
        return self._chunk()

    def _take(self, payload: bytes) -> None:
        if payload == DONE:
            if self._finish is None:
                raise EngineDied(f"{self._url} ended a stream before its last token; its log says why")
            self.ended = True
            return
        try:
            said: dict[str, Any] = json.loads(payload)
            if "error" in said:
                raise self._failure(said["error"]["message"], int(said["error"].get("code", INTERNAL)))
            for choice in said["choices"]:
                self._take_choice(choice)
            if (usage := said.get("usage")) and (details := usage.get("prompt_tokens_details")):
                self._cached = int(details["cached_tokens"] or 0)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._strange(f"{type(error).__name__}: {error}") from error

    def _take_choice(self, choice: dict[str, Any]) -> None:
        ids = choice["token_ids"] or ()
        self._tokens.extend(ids)
        if ids and self._request.logprobs:
            told = choice["logprobs"]["content"]
            self._logprobs.extend([token["logprob"] for token in told])
            if top := self._request.top_logprobs:
                self._alternatives.extend([_likeliest(token["top_logprobs"], top) for token in told])
        match choice["finish_reason"]:
            case None:
                pass
            case "stop" | "length" as finish:
                self._finish = finish
            case "abort":
                raise EngineDied(f"{self._url} has dropped the request; it may be going down")
            case other:
                raise self._failure(f"the request ended with {other!r}", INTERNAL)

    def _failure(self, message: str, code: int) -> Exception:
        """What the server's error means; under a grammar all that fails one request alone is the grammar."""
        structured = self._request.structured
        if structured is not None and code == INTERNAL and message == "Internal server error":
            return not_spelled(structured)
        if code < INTERNAL:
            return InvalidRequest(f"the server of the model refuses this: {message}", param=param_of(self._request))
        return EngineDied(f"{self._url} failed: {message}")

    def _strange(self, what: str) -> EngineError:
        return EngineError(f"{self._url} answers what is no stream of tokens ({what}); is it vLLM 0.30 or later?")

    def _chunk(self) -> Chunk | None:
        if not self.ended and (self._finish is not None or not self._tokens):
            return None
        chunk = Chunk(
            sample=self._sample,
            token_ids=tuple(self._tokens),
            logprobs=tuple(self._logprobs),
            finish_reason=self._finish,
            prompt_tokens=0 if self._begun else len(self._request.input_ids),
            cached_tokens=self._cached - self._cached_told,
            alternatives=tuple(self._alternatives),
        )
        self._begun, self._cached_told = True, self._cached
        self._tokens, self._logprobs, self._alternatives = [], [], []
        return chunk


def param_of(request: EngineRequest) -> str | None:
    """Return the field of a session's request that the server may not be able to honour; None if there is none."""
    if request.structured is None:
        return "top_logprobs" if request.top_logprobs else None
    return field_of(request.structured)


def _likeliest(told: list[dict[str, Any]], top: int) -> Alternatives:
    """Return the `top` most likely tokens; the server names the drawn one first, however likely it is."""
    pairs = [(token["token_id"], token["logprob"]) for token in told]
    pairs.sort(key=lambda pair: -pair[1])
    return tuple(pairs[:top])
