"""What a session keeps of its request, and how much memory that takes."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from sys import getsizeof

from pydantic import BaseModel

from anytime_client.protocol import ReasonRequest


def digest_of(request: ReasonRequest) -> bytes:
    """Return what tells this request from others, long after its texts are gone.

    How it is read, as a stream or as one document, is no part of that.
    """
    return sha256(request.model_dump_json(exclude={"stream"}).encode()).digest()


def without_texts(request: ReasonRequest) -> ReasonRequest:
    """Return the request without what is in the prompt's tokens: once planned, nobody reads it any more."""
    return request.model_copy(update={"prompt": "", "messages": None, "tools": None})


def size_of(value: object) -> int:
    """Return about how many bytes a request takes, or a part of one. One wide character makes a whole text wide."""
    total, pending = 0, [value]
    while pending:
        part = pending.pop()
        total += getsizeof(part)
        pending.extend(_parts(part))
    return total


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, BaseModel):
        return vars(value).values()
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list | tuple) else ()
