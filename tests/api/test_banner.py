"""What a server says of itself when it starts."""

import logging
import webbrowser

import pytest
import uvicorn

from anytime_server import banner
from anytime_server.api import create_app
from anytime_server.banner import Banner, open_in_browser, url_of
from anytime_server.concise import Concise
from anytime_server.draining import DrainingServer
from anytime_server.logs import JsonFormatter, TextFormatter
from fakes import FakeEngine, scripted


class NoSignals(DrainingServer):
    """Started and stopped by hand."""


async def started(said):
    """Start a server on a free port and stop it again; return the port and the records of its banner."""
    app = create_app(FakeEngine(scripted("so; ", "42")))
    config = uvicorn.Config(Concise(app), host="127.0.0.1", port=0, log_config=None)
    config.load()
    server = NoSignals(config, 0, said)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()
    return port


@pytest.fixture
def records(caplog):
    caplog.set_level(logging.INFO, "anytime_server.banner")
    return lambda message: [r for r in caplog.records if r.name == banner.__name__ and r.getMessage() == message]


async def test_it_says_what_is_loading_and_then_where_everything_is(records):
    port = await started(Banner())
    (loading,), (ready,) = records("loading"), records("ready")
    assert "loading fake-model with the fake engine" in TextFormatter().format(loading)
    lines = TextFormatter().format(ready).splitlines()
    assert f"running on http://127.0.0.1:{port}" in lines[0]
    told = dict(line.split(maxsplit=1) for line in lines[1:] if line)
    assert told["model"] == "fake-model"
    assert told["engine"] == "fake"
    assert told["context"].endswith(" tokens")
    assert told["page"] == f"http://127.0.0.1:{port}"
    assert told["docs"] == f"http://127.0.0.1:{port}/docs"
    assert told["OpenAI"] == f"http://127.0.0.1:{port}/v1"
    assert all(line.startswith("  ") for line in lines[1:] if line), "nothing below a line looks like a line"


async def test_as_json_it_is_one_line(records):
    await started(Banner())
    (ready,) = records("ready")
    assert len(JsonFormatter().format(ready).splitlines()) == 1
    assert '"context": ' in JsonFormatter().format(ready)


async def test_the_page_is_opened_once_it_is_there(monkeypatch):
    opened = []
    monkeypatch.setattr(banner, "open_in_browser", opened.append)
    port = await started(Banner(open_page=True))
    assert opened == [f"http://127.0.0.1:{port}"]
    await started(Banner())
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("environment", "platform", "browser", "opened"),
    [
        ({}, "linux", True, False),
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"WSL_DISTRO_NAME": "Ubuntu"}, "linux", False, False),
        ({}, "darwin", True, True),
        ({}, "win32", True, True),
    ],
)
def test_where_nothing_can_show_the_page_its_address_is_told(
    environment, platform, browser, opened, monkeypatch, caplog
):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or browser)
    open_in_browser("http://localhost:8000", environment, platform)
    assert (asked == ["http://localhost:8000"] and browser) is opened
    told = [TextFormatter().format(record) for record in caplog.records]
    assert [("open http://localhost:8000 yourself" in line) for line in told] == [] if opened else [True]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://localhost:8000"),
        ("::", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("gpu1", "http://gpu1:8000"),
    ],
)
def test_the_address_is_one_that_a_browser_takes(host, url):
    assert url_of(host, 8000) == url
