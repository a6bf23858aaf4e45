"""Which store a server keeps its sessions in."""

from dataclasses import replace

from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.stores.contract import Store
from anytime_server.reasoning.stores.memory import MemoryStore
from anytime_server.reasoning.stores.urls import check_redis

MEMORY = "memory"


def create_store(name: str, ttl_s: float, lease_s: float | None = None) -> Store:
    """Return the store that `--store` names: `memory`, or the URL of a Redis.

    Args:
        name: the store.
        ttl_s: seconds that it keeps ended sessions.
        lease_s: seconds after its last sign of life that a server's sessions are others' to take; None is the usual.

    Raises:
        InvalidRequest: if there is no such store, or the extra that it needs is not installed.
    """
    if name == MEMORY:
        return MemoryStore()
    check_redis(name)
    try:
        from anytime_server.reasoning.stores.redis import RedisSettings, RedisStore
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise InvalidRequest(
            'a store in Redis needs an extra: pip install "anytime-reasoning[redis]"', param="store"
        ) from error
    settings = RedisSettings(ttl_s=ttl_s)
    return RedisStore.from_url(name, settings if lease_s is None else replace(settings, lease_s=lease_s))
