"""Which stores `--store` knows, whether or not the extra for Redis is installed."""

import sys

import pytest

from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.stores import MemoryStore
from anytime_server.reasoning.stores.choice import create_store

PACKAGE = "anytime_server.reasoning.stores.redis"


class NotThere:
    """Finds no package redis, as where the extra is not installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "redis":
            raise ModuleNotFoundError(name=name)


@pytest.fixture
def no_extra(monkeypatch):
    for name in [name for name in sys.modules if f"{name}.".startswith(("redis.", f"{PACKAGE}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotThere, *sys.meta_path])


def refused(name):
    with pytest.raises(InvalidRequest) as error:
        create_store(name, 1, 1)
    assert error.value.param == "store"
    return error.value.message


def test_memory_needs_no_extra(no_extra):
    assert isinstance(create_store("memory", 1, 1), MemoryStore)


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://a:s3cret@example.com", "unix:///run/redis.sock"])
def test_a_redis_without_its_extra_is_told_how_to_get_it(no_extra, url):
    assert 'pip install "anytime-reasoning[redis]"' in refused(url)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("foo://x", "'foo://x'"),
        ("rdis://a:s3cret@localhost", "'rdis://localhost'"),
        ("memroy", "'memroy'"),
        ("localhost:6379", "'...'"),
        ("a:s3cret@localhost", "'...'"),
        ("", "''"),
    ],
)
def test_an_unknown_store_is_told_what_is_known(no_extra, name, shown):
    message = refused(name)
    assert message == f"there is no store {shown}: give memory, or the URL of a Redis (redis://, rediss://, unix://)"


def test_a_url_that_can_not_be_read_is_refused(no_extra):
    assert "redis://[localhost" in refused("redis://[localhost")
