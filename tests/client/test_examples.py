"""The Python of the README and of the pages on both SDKs runs as it stands, on the embedded model."""

import asyncio
import re
from pathlib import Path

import pytest

from anytime_server.api import create_app
from anytime_server.engines.choice import create_engine
from live import serve

ROOT = Path(__file__).parents[2]


def blocks(path):
    return re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(), re.DOTALL)


def quickstart():
    return next(block for block in blocks("README.md") if "anytime_client" in block)


@pytest.fixture(scope="module")
async def embedded():
    async with serve(create_app(create_engine("transformers", "anytime-tiny"))) as server:
        yield str(server.base_url)


async def run(code, url, monkeypatch):
    monkeypatch.setenv("ANYTIME_BASE_URL", url)
    names = {}
    await asyncio.to_thread(exec, code, names)
    return names


def test_the_quickstart_is_five_lines():
    assert len([line for line in quickstart().splitlines() if line]) == 5


async def test_the_quickstart_prints_what_the_readme_shows(embedded, monkeypatch, capsys):
    await run(quickstart(), embedded, monkeypatch)
    shown = re.search(r"^```\n(on the way: .*\n.*\n)```$", (ROOT / "README.md").read_text(), re.MULTILINE)
    # The thinking goes on while the rule looks at the last answer, on a busy machine past the next checkpoint.
    printed, expected = (
        re.sub(r"\]|after \d+ of", "", text).splitlines() for text in (capsys.readouterr().out, shown[1])
    )
    assert printed[0].startswith(expected[0])
    assert printed[1:] == expected[1:]


async def test_the_examples_of_the_sdks_page(embedded, monkeypatch, capsys):
    names = await run("\n".join(blocks("docs/sdk.md")), embedded, monkeypatch)
    names["client"].close()
    printed = capsys.readouterr().out
    assert printed.startswith("85 ")
    assert "44" in printed
    assert "['5', '7', '9', '11', '13', '15']" in printed
    assert "temperature" in printed


async def test_the_examples_of_the_page_on_openais_sdk(embedded, monkeypatch, capsys):
    program = "\n".join(blocks("docs/openai.md")).replace("http://localhost:8000", embedded.rstrip("/"))
    await run(program, embedded, monkeypatch)
    printed = capsys.readouterr().out
    promised = re.findall(r"^print\(.*\)(?:\n|  )# (.*)$", program, re.MULTILINE)
    assert len(promised) == 4
    assert [text for text in promised if text.replace("\\n", "\n") not in printed] == []
    page = (ROOT / "docs" / "openai.md").read_text()
    shown = re.search(r"^This prints:\n\n```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert printed.endswith(shown[1])
