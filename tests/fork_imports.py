"""What a process imports before others are forked out of it: see `forking`."""

import importlib
import sys
from contextlib import suppress
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SUITE = (
    "accelerate",
    "fastapi.testclient",
    "matplotlib.pyplot",
    "openai",
    "opentelemetry.sdk.trace",
    "peft",
    "playwright.async_api",
    "redis.asyncio",
    "rich.console",
    "vllm.engine.arg_utils",
    "vllm.v1.engine.async_llm",
)
"""What the tests import and servers do not. Not what brings a plugin of pytest, which rewrites its source as it imports
it; and neither Ray Serve nor datasets, which start a thread."""


def import_for_servers() -> None:
    """Import what `anytime serve` and `anytime worker` need, which takes seconds."""
    sys.path.append(str(BENCHMARKS))
    from chaos_parts.standby import warm_up

    warm_up()


def import_for_commands() -> None:
    """Import what `anytime ask` needs, and read the certificates."""
    for name in ("anyio._backends._asyncio", "anytime_client.cli.asking", "anytime_client.cli.live_view"):
        importlib.import_module(name)
    from anytime_client import Anytime
    from anytime_client.cli import build

    build()
    Anytime("http://127.0.0.1").close()


def import_for_suite() -> None:
    """Import what the whole suite does, the tests aside, as far as it is installed."""
    for name in SUITE:
        with suppress(ModuleNotFoundError):
            importlib.import_module(name)
    import_for_servers()


IMPORTS = {"servers": import_for_servers, "commands": import_for_commands, "suite": import_for_suite}
