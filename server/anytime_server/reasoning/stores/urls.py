"""What `--store` may name, told before anything is imported for it."""

from urllib.parse import urlsplit

from anytime_server.errors import InvalidRequest

REDIS = ("redis", "rediss", "unix")
"""How the URLs of a Redis begin."""

KNOWN = f"memory, or the URL of a Redis ({', '.join(f'{scheme}://' for scheme in REDIS)})"


def check_redis(url: str) -> None:
    """Check that a store is a Redis by its URL.

    Raises:
        InvalidRequest: if it is none; naming what is known.
    """
    try:
        known = urlsplit(url).scheme in REDIS
    except ValueError as error:
        raise InvalidRequest(f"the store's URL {shown(url)!r} can't be used: {error}", param="store") from error
    if not known:
        raise InvalidRequest(f"there is no store {shown(url)!r}: give {KNOWN}", param="store")


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: the user, the password, the query."""
    head, separator, rest = url.partition("://")
    if not separator:
        return url if url.isidentifier() or not url else "..."
    return f"{head}://{rest.partition('?')[0].rpartition('@')[2]}"
