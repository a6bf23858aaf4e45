"""Where a client's settings come from, and which are refused."""

import httpx
import pytest

from anytime_client import Anytime, AsyncAnytime, ConfigurationError
from anytime_client._config import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Config


def resolve(base_url=None, api_key=None, timeout=DEFAULT_TIMEOUT, max_retries=DEFAULT_MAX_RETRIES, headers=None):
    return Config.resolve(base_url, api_key, timeout, max_retries, headers)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.delenv("ANYTIME_BASE_URL", raising=False)
    monkeypatch.delenv("ANYTIME_API_KEY", raising=False)


def test_the_defaults():
    config = resolve()
    assert config.base_url == "http://localhost:8000"
    assert "Authorization" not in config.all_headers


def test_the_environment_fills_what_is_not_given(monkeypatch):
    monkeypatch.setenv("ANYTIME_BASE_URL", "https://there/anytime")
    monkeypatch.setenv("ANYTIME_API_KEY", "key")
    assert resolve().base_url == "https://there/anytime"
    assert resolve().all_headers["Authorization"] == "Bearer key"
    assert resolve("http://here", "mine").base_url == "http://here"
    assert resolve("http://here", "mine").all_headers["Authorization"] == "Bearer mine"


def test_the_key_is_not_shown():
    assert "secret" not in repr(resolve(api_key="secret", headers={"X-Key": "secret"}))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"base_url": "localhost:8000"}, "base_url"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "http://"}, "base_url"),
        ({"base_url": "http://host:port"}, "base_url"),
        ({"api_key": "a\nb"}, "api_key"),
        ({"api_key": "schlüssel"}, "api_key"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": float("nan")}, "max_retries"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": httpx.Timeout(5, connect=float("inf"))}, "timeout"),
    ],
)
@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
def test_a_wrong_setting_is_named(kind, settings, name):
    with pytest.raises(ConfigurationError, match=name):
        kind(**settings)


@pytest.mark.parametrize("proxy", ["socks://proxy:1080", "http://proxy:port"])
@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
def test_a_proxy_that_cannot_be_used_is_a_wrong_setting_too(kind, proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="ALL_PROXY"):
        kind("http://host")


@pytest.mark.parametrize("variable", ["ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "[::1]", "0.0.0.0", "anytime.localhost"])
def test_no_proxy_of_the_environment_leads_to_a_server_on_this_machine(host, variable, monkeypatch):
    monkeypatch.setenv(variable, "http://proxy:port")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    Anytime(f"http://{host}:8000").close()
    with pytest.raises(ConfigurationError, match="NO_PROXY"):
        Anytime("http://localhost.example")


@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
def test_a_header_that_is_no_text_of_a_header_is_named(kind):
    with pytest.raises(ConfigurationError, match="headers"):
        kind(headers={"X-Team": "schlüssel"})


def test_a_path_in_the_url_goes_before_the_routes():
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return httpx.Response(404)

    for base_url in ("http://host/anytime", "http://host/anytime/"):
        with pytest.raises(Exception, match="404"):
            Anytime(base_url, transport=httpx.MockTransport(answer)).get("a/b")
    assert asked == ["http://host/anytime/reason/a%2Fb"] * 2


@pytest.mark.parametrize(
    ("given", "read"),
    [(DEFAULT_TIMEOUT, 45.0), (5.0, 45.0), (90.0, 90.0), (httpx.Timeout(7, read=60), 60.0), (None, None)],
)
def test_a_stream_waits_for_longer_than_the_heartbeat(given, read):
    config = resolve(timeout=given)
    assert config.stream_timeout.read == read
    assert config.stream_timeout.connect == config.timeout.connect
    assert config.timeout == httpx.Timeout(given)
