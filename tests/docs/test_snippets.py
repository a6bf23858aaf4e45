"""The blocks that are marked `run`, against the embedded model."""

import asyncio
import os
import sys

import pytest

from anytime_server.api import create_app
from anytime_server.engines.choice import EMBEDDED, create_engine
from docs_pages import PAGES, ROOT, blocks_to_run
from live import serve

BLOCKS = list(blocks_to_run())
TIME_LIMIT_S = 120


@pytest.fixture(scope="module")
async def address():
    async with serve(create_app(create_engine("transformers", EMBEDDED))) as client:
        yield f"{client.base_url.host}:{client.base_url.port}"


async def run(block, address, folder):
    code = block.code.replace("localhost:8000", address)
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[block.language]
    process = await asyncio.create_subprocess_exec(
        *command,
        code,
        cwd=folder,
        # The commands of this environment, and the server of this test where a client looks by default.
        env={
            **os.environ,
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "ANYTIME_BASE_URL": f"http://{address}",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TIME_LIMIT_S):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
async def test_a_block_runs_and_shows_something(block, address, tmp_path):
    code, output, errors = await run(block, address, tmp_path)
    assert code == 0, errors
    assert output.strip()
    assert '"error":{' not in output


def test_the_front_page_and_the_quickstart_have_blocks_in_both_languages():
    for page in (ROOT / "README.md", ROOT / "docs" / "quickstart.md"):
        assert page in PAGES
        assert {block.language for block in BLOCKS if block.page == page} == {"bash", "python"}
