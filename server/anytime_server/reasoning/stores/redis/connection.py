"""The way to Redis: its URL, what it must be, and what is said of it where it is not."""

import logging

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from anytime_server.errors import InvalidRequest, Unavailable
from anytime_server.logs import fields
from anytime_server.reasoning.stores.redis.settings import RedisSettings
from anytime_server.reasoning.stores.urls import check_redis, shown

OLDEST = (6, 2)
"""SET ... GET came with it."""

RETRY_S = 0.05

logger = logging.getLogger(__name__)


def connect(url: str, settings: RedisSettings) -> Redis:
    """Return a client that connects when it is first used.

    Raises:
        InvalidRequest: if the URL is none of Redis'.
    """
    check_redis(url)
    try:
        return Redis.from_url(
            url,
            protocol=2,
            socket_timeout=settings.timeout_s,
            socket_connect_timeout=settings.timeout_s,
            retry=Retry(ConstantBackoff(RETRY_S), 1),
        )
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the store's URL {shown(url)!r} can't be used: {error}", param="store") from error


async def check(client: Redis, url: str) -> None:
    """Check that what answers under `url` can keep sessions; warn if it may forget them.

    Raises:
        Unavailable: if it can't be reached, refuses us, is too old, read-only, or a cluster.
    """
    where = shown(url)
    try:
        info = await client.info()
    except (AuthenticationError, NoPermissionError) as error:
        raise Unavailable(f"redis at {where} refuses the user or the password of the store's URL: {error}") from error
    except ResponseError as error:
        raise Unavailable(f"redis at {where} does not serve us: {error}") from error
    except RedisError as error:
        raise Unavailable(f"no redis answers at {where}: {error}; start one, or change --store") from error
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Unavailable(f"redis at {where} is version {version}; the store needs {OLDEST[0]}.{OLDEST[1]} or newer")
    if info.get("redis_mode") == "cluster":
        raise Unavailable(f"redis at {where} is a cluster; the store needs a single primary, with Sentinel if wanted")
    if info.get("role", "master") != "master":
        raise Unavailable(f"redis at {where} is a read-only replica; name the primary in --store")
    _warn(where, info)


def _warn(where: str, info: dict[str, object]) -> None:
    if not info.get("aof_enabled"):
        logger.warning("redis keeps no append-only file: if it dies, sessions are lost", extra=fields(store=where))
    if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
        logger.warning(
            "redis throws away keys when its memory is full: set maxmemory-policy to noeviction",
            extra=fields(store=where, policy=info.get("maxmemory_policy")),
        )
