"""`anytime doctor --engine remote`: each thing that is wrong with a server, and what to do about it."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.doctor.remote import check_servers
from anytime_server.engines.choice import EMBEDDED
from engines.remote.conftest import fake


@pytest.fixture
def byte_tokenizer(monkeypatch):
    from engines.remote.conftest import byte_files

    monkeypatch.setattr("anytime_server.engines.remote.engine.load_files", byte_files)


async def checked(*urls, key=None):
    return await asyncio.to_thread(check_servers, urls, EMBEDDED, key)


async def test_a_server_in_order_is_described(worker, byte_tokenizer):
    url = await worker(fake())
    (finding,) = await checked(url)
    assert (finding.status, finding.remedy) == ("ok", None)
    assert finding.text.startswith(f"{url} serves fake-model (version ")
    assert finding.details["max_model_len"] == 512


async def test_a_server_that_is_not_there_is_a_warning_while_another_is(worker, byte_tokenizer):
    there, gone = await worker(fake()), "http://127.0.0.1:9"
    (alone,) = await checked(gone)
    assert (alone.status, alone.remedy) == ("fail", "start the server, or correct --engine-url")
    assert [finding.status for finding in await checked(there, gone)] == ["ok", "warning"]


async def test_each_failure_has_its_remedy(worker, byte_tokenizer):
    other = fake()
    other.tokenizer.encode = lambda text: [7] * len(text)
    locked = await worker(fake(), api_keys=("0123456789abcdef0123",))
    for url, problem, remedy in (
        (locked, "wants an API key", "set ANYTIME_ENGINE_API_KEY"),
        (await worker(other), "another tokenizer", "give its model's in --model"),
        ("ftp://there", "--engine-url takes http://HOST:PORT", None),
    ):
        (finding,) = await checked(url)
        assert finding.status == "fail"
        assert problem in finding.text
        assert remedy is None or finding.remedy.startswith(remedy)


async def test_the_command_has_a_line_for_each_server_and_a_session_through_them(remote_engine):
    (url,) = remote_engine._servers._config.urls
    arguments = ["doctor", "--engine", "remote", "--engine-url", url, "--port", "0", "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, build(), arguments)
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["remote"]["status"] == findings["load"]["status"] == "ok", findings
    assert "16 thinking tokens" in findings["load"]["text"]
    assert findings["engine"]["text"] == "remote: asked for"
