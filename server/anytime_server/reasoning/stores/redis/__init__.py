"""Sessions in Redis: replicas that share it read, steer and go on with each other's sessions.

A session is one stream, its log. The replica that runs it has its *fence*: a number that grows with each owner, so
that what an earlier one still writes is refused. A replica that lives has a *lease*, renewed by the second; when that
is gone, the others share its sessions among them.

Every step that must not be divided is a script (`lua`, `scripts`). On its way through the store an event goes
`journal` -> stream -> `ear` -> `feed` -> reader; a command goes `commands` -> `ear` of the owner, and back.
"""

from anytime_server.reasoning.stores.redis.settings import RedisSettings
from anytime_server.reasoning.stores.redis.store import RedisStore

__all__ = ["RedisSettings", "RedisStore"]
