"""How long the Redis store waits, and for what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """All times of the store, in seconds.

    Attributes:
        ttl_s: an ended session is kept.
        running_ttl_s: a session is kept that nobody goes on with; renewed while it runs.
        lease_s: a replica counts as alive after it was last heard of.
        scan_s: between looks for sessions that nobody runs.
        tick_s: between writes; what is appended meanwhile goes in one call.
        patience_s: readers wait for Redis; then they get what is not durable yet.
        timeout_s: of one call.
        pause_s: between tries while Redis is down.
        hold_s: an ended session stays with the replica that has claimed it and appends nothing.
        reader_s: a session counts as read after a replica said so.
        reply_s: until a command that was not answered is sent again.
        command_s: until it is given up.
        reserve_s: an idempotency key waits for its session to begin, while the replica that begins it is alive.
    """

    ttl_s: float = 3600.0
    running_ttl_s: float = 86_400.0
    lease_s: float = 2.0
    scan_s: float = 0.5
    tick_s: float = 0.01
    patience_s: float = 1.0
    timeout_s: float = 1.0
    pause_s: float = 0.25
    hold_s: float = 10.0
    reader_s: float = 15.0
    reply_s: float = 2.0
    command_s: float = 30.0
    reserve_s: float = 60.0

    @property
    def renew_s(self) -> float:
        """Between renewals of the lease: three may fail."""
        return self.lease_s / 4


def milliseconds(seconds: float) -> int:
    """Return a time as Redis takes it: at least 1."""
    return max(1, round(seconds * 1000))
