"""The blocks that are marked `run`, against the embedded model."""

import sys

import pytest

from docs.commands import DOCUMENTED, run
from docs_pages import PAGES, ROOT, blocks_to_run

BLOCKS = list(blocks_to_run())
SHELLS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
async def test_a_block_runs_and_shows_something(block, address, tmp_path):
    command = [*SHELLS[block.language], block.code.replace(DOCUMENTED, address)]
    code, output, errors = await run(command, address, tmp_path)
    assert code == 0, errors
    assert output.strip()
    assert '"error":{' not in output


def test_the_front_page_and_the_quickstart_have_blocks_in_both_languages():
    for page in (ROOT / "README.md", ROOT / "docs" / "quickstart.md"):
        assert page in PAGES
        assert {block.language for block in BLOCKS if block.page == page} == {"bash", "python"}
