"""The addresses that people write, and what becomes of a password in one."""

import base64
import logging
import traceback

import httpx
import pytest

from anytime_client import Anytime, AsyncAnytime, ConfigurationError
from anytime_client._address import Address
from anytime_client.cli import main


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.delenv("ANYTIME_BASE_URL", raising=False)
    monkeypatch.delenv("ANYTIME_API_KEY", raising=False)


def asked(**options):
    """Return the request that a client with these settings sends."""
    requests = []

    def answer(request):
        requests.append(request)
        return httpx.Response(200, json={"object": "list", "data": []})

    Anytime(transport=httpx.MockTransport(answer), **options).models()
    return requests[0]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1/models"),
        ("http://localhost:8000/", "http://localhost:8000/v1/models"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1/models"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1/models"),
        ("http://localhost:8000//v1//", "http://localhost:8000/v1/models"),
        ("  http://localhost:8000/v1\n", "http://localhost:8000/v1/models"),
        ("https://host/anytime", "https://host/anytime/v1/models"),
        ("https://host/anytime/v1/", "https://host/anytime/v1/models"),
        ("https://host/a/b/", "https://host/a/b/v1/models"),
        ("https://host/v1beta", "https://host/v1beta/v1/models"),
        ("https://host/my-v1", "https://host/my-v1/v1/models"),
        ("https://host/v1/anytime", "https://host/v1/anytime/v1/models"),
        ("https://host/with%20space/v1", "https://host/with%20space/v1/models"),
        ("HTTP://Host:80/v1", "http://host/v1/models"),
        ("https://host/%40team", "https://host/%40team/v1/models"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/models"),
    ],
)
def test_an_address_means_the_server_however_it_is_written(written, url, monkeypatch):
    assert str(asked(base_url=written).url) == url
    monkeypatch.setenv("ANYTIME_BASE_URL", written)
    assert str(asked().url) == url


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("localhost:8000", "write it like http://localhost:8000"),
        ("127.0.0.1:8000/v1", "write it like http://127.0.0.1:8000/v1"),
        ("//host", "write it like http://host"),
        ("http:/host", "write it like http://host"),
        ("host", "write it like http://host"),
        ("[::1]:8000", "write it like http://[::1]:8000"),
        ("  ", "write it like http://localhost:8000"),
        ("unix://socket", "must begin with http:// or https://"),
        ("http://", "names no host"),
        ("http:// host", "names no host"),
        ("http://host:port", "is no URL: Invalid port: 'port'"),
        ("http://host:99999", "has a port that can't be: 99999"),
        ("http://host:0", "has a port that can't be: 0"),
        ("http://host/?x=1", "leave it out"),
        ("http://host/v1#x", "leave it out"),
        ("http://ho\tst", "is no URL"),
        ("http://host/\udcff", "it is not UTF-8 text"),
        ("http://a..b", "names a host that can't be"),
        (f"http://{'a' * 64}.org", "names a host that can't be"),
    ],
)
@pytest.mark.parametrize("setting", ["base_url", "ANYTIME_BASE_URL"])
def test_what_is_no_address_is_refused_with_the_setting_and_the_remedy(written, remedy, setting, monkeypatch):
    monkeypatch.setenv("ANYTIME_BASE_URL", written)
    with pytest.raises(ConfigurationError) as failure:
        Anytime(written if setting == "base_url" else None)
    assert failure.value.message.startswith("base_url (ANYTIME_BASE_URL) ")
    assert remedy in failure.value.message


@pytest.mark.parametrize("written", ["localhost:8000", "http://host:99999", "http://u:s3cret@host:x"])
def test_the_command_refuses_it_in_one_line(written, monkeypatch, capsys):
    for command in (["models"], ["ask", "2+2"]):
        monkeypatch.setattr("sys.argv", ["anytime", *command, "--base-url", written])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "--base-url" in told
        assert "s3cret" not in told


SECRETS = [
    "http://user:s3cret@127.0.0.1:9/v1",
    "http://s3cret@127.0.0.1:9",
    "http://user:s3%63ret@127.0.0.1:9",
    "https://user:s3cret@h@127.0.0.1:9",
]


@pytest.mark.parametrize("written", SECRETS)
@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
async def test_a_password_in_the_address_is_sent_and_never_shown(written, kind, caplog):
    caplog.set_level(logging.DEBUG)
    client = kind(written, max_retries=0)
    with pytest.raises(Exception, match="127") as failure:
        result = client.models()
        if kind is AsyncAnytime:
            await result
    told = "".join(traceback.format_exception(failure.value))
    for text in (
        told,
        repr(client),
        repr(vars(client)),
        repr(client._config),
        str(client._config.base_url),
        caplog.text,
    ):
        assert "s3cret" not in text
        assert "s3%63ret" not in text


@pytest.mark.parametrize(
    "written",
    [
        "user:s3cret@localhost:8000",
        "ftp://user:s3cret@host",
        "http://user:s3cret@host:port",
        "http://user:s3cret/x@host",
        "http://user:s3cret#x@host",
        "http://user:s3cret@host:99999",
        "http://user:s3cret@",
        "http://user:s3cret@host?q",
        "http://user:12/s3cret@host",
        "http://user:12?s3cret@host",
        "http://user:12#s3cret@host",
    ],
)
def test_a_password_in_what_is_no_address_is_never_shown(written):
    with pytest.raises(ConfigurationError) as failure:
        Anytime(written)
    assert "s3cret" not in "".join(traceback.format_exception(failure.value))


def test_user_and_password_go_as_basic_authentication():
    request = asked(base_url="http://user:p%40ss@host/v1")
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert str(request.url) == "http://host/v1/models"
    assert Address.parse("http://user:p%40ss@host/v1") == Address("http://host", ("user", "p@ss"))


def test_a_user_beside_a_key_is_refused_since_one_header_carries_both():
    with pytest.raises(ConfigurationError, match="leave one of them out"):
        Anytime("http://user:pass@host", api_key="key")
