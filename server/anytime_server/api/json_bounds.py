"""How much structure a JSON body may have, told from its bytes before they are read.

Four megabytes of text are one value and cost little. Four megabytes of brackets are a million values, and whoever reads
and checks them keeps all others waiting. What lies outside of strings tells them apart, in a few passes over the bytes.
"""

import re

from starlette.datastructures import Headers

from anytime_server.errors import InvalidRequest

MAX_VALUES = 100_000
"""The most values of a body, those inside of JSON schemas included."""

MAX_DEPTH = 100
"""The most objects and lists inside each other."""

MAX_DIGITS = 256
"""The most digits of a number."""

QUOTES_OF_A_MEMBER = 4
LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def declares_json(headers: Headers) -> bool:
    """Return whether a request says that its body is JSON."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return content_type == "application/json" or content_type.endswith("+json")


def check_structure(body: bytes) -> None:
    """Check that a JSON text stays within the bounds. Whether it is JSON at all is for its reader to say.

    Raises:
        InvalidRequest: telling which bound it exceeds.
    """
    if b"\0" in body:
        raise InvalidRequest("the request body is not valid JSON: it must be UTF-8, and has no NUL")
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > QUOTES_OF_A_MEMBER * MAX_VALUES:
        raise _too_many()
    outside = b"".join(bare.split(b'"')[::2])
    if outside.count(b",") + outside.count(b"[") + outside.count(b"{") > MAX_VALUES:
        raise _too_many()
    if LONG_NUMBER.search(outside):
        raise InvalidRequest(f"the request body has a number of more than {MAX_DIGITS} digits; shorten it")
    if _depth(outside) > MAX_DEPTH:
        raise InvalidRequest(f"the request body has more than {MAX_DEPTH} objects and lists inside each other")


def _too_many() -> InvalidRequest:
    return InvalidRequest(f"the request body has more than {MAX_VALUES} JSON values; send fewer")


def _depth(outside: bytes) -> int:
    deepest = depth = 0
    for bracket in outside.translate(None, NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
