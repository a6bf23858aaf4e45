"""What a log line says of a failure of Redis."""

from typing import Any

from redis.exceptions import RedisError

from anytime_server.logs import fields


def failed(error: RedisError) -> dict[str, Any]:
    """Return the `extra` of a log call that tells of `error`."""
    return fields(error=f"{type(error).__name__}: {error}")
