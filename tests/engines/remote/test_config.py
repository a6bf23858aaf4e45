"""Which servers, and with which key."""

import pytest

from anytime_server.engines.choice import EMBEDDED, create_engine
from anytime_server.engines.remote.config import RemoteConfig, key_from
from anytime_server.errors import EngineError

KEY = "0123456789abcdef"


def test_addresses_are_taken_once_each():
    config = RemoteConfig.of(["http://a:1", "https://b/vllm/", "http://a:1/"], {"give_up_s": 7, "block_size": 32})
    assert config.urls == ("http://a:1", "https://b/vllm")
    assert (config.give_up_s, config.block_size) == (7, 32)


@pytest.mark.parametrize(
    ("urls", "options", "message"),
    [
        ([], {}, "--engine-url http://HOST:PORT"),
        (["gpu1:8000"], {}, "takes http://HOST:PORT"),
        (["ftp://gpu1"], {}, "takes http://HOST:PORT"),
        (["http://"], {}, "takes http://HOST:PORT"),
        (["http://a:99999"], {}, "takes http://HOST:PORT"),
        (["http://a?key=1"], {}, "takes http://HOST:PORT"),
        (["http://me:secret@a"], {}, "no user or password; set ANYTIME_ENGINE_API_KEY"),
        (["http://a"], {"tensor_parallel_size": 2}, "has no option"),
        (["http://a"], {"give_up_s": 0}, "give_up_s must be a number of seconds above 0"),
        (["http://a"], {"data_parallel_size": 1.5}, "data_parallel_size must be an integer above 0"),
        (["http://a"], {"draws_by_position": 0}, "draws_by_position must be true or false"),
        (["http://a"], {"connect_timeout_s": True}, "connect_timeout_s must be"),
    ],
)
def test_what_won_t_do_is_refused_by_its_name(urls, options, message):
    with pytest.raises(EngineError, match=message) as raised:
        RemoteConfig.of(urls, options)
    assert "secret" not in str(raised.value)


def test_a_key_comes_from_the_environment_or_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert key_from({}) is None
    assert key_from({"ANYTIME_ENGINE_API_KEY": f" {KEY} "}) == KEY
    assert key_from({"ANYTIME_ENGINE_API_KEY_FILE": str(file)}) == KEY
    assert KEY not in repr(RemoteConfig.of(["http://a"], {}, KEY))


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ANYTIME_ENGINE_API_KEY": KEY, "ANYTIME_ENGINE_API_KEY_FILE": "/there"}, "not both"),
        ({"ANYTIME_ENGINE_API_KEY_FILE": "/nowhere/at/all"}, "can't read"),
        ({"ANYTIME_ENGINE_API_KEY_FILE": "/dev/null"}, "holds no key"),
    ],
)
def test_a_key_that_can_not_be_had_is_told(environ, message):
    with pytest.raises(EngineError, match=message):
        key_from(environ)


def test_a_key_that_no_header_can_carry_is_refused():
    with pytest.raises(EngineError, match="printable ASCII") as raised:
        RemoteConfig.of(["http://a"], {}, "mit Umläuten")
    assert "Uml" not in str(raised.value)


def test_addresses_and_the_remote_engine_go_together():
    with pytest.raises(EngineError, match="goes with --engine remote, not with transformers"):
        create_engine("transformers", EMBEDDED, urls=["http://a"])
    with pytest.raises(EngineError, match="--engine-url http://HOST:PORT"):
        create_engine("remote", EMBEDDED)
    assert create_engine("remote", EMBEDDED, urls=["http://a"]).model == EMBEDDED
