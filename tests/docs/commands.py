"""Runs a command of the documentation where the tests' server stands in for the reader's."""

import asyncio
import os
import sys
from pathlib import Path

TIME_LIMIT_S = 120
DOCUMENTED = "localhost:8000"


async def run(command: list[str], address: str, folder: Path) -> tuple[int, str, str]:
    """Run it in `folder` and return its exit code and what it printed on both of its outputs."""
    process = await asyncio.create_subprocess_exec(
        *command,
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
