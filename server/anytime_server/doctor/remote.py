"""The servers of the remote engine: whether each is there, serves the model that is meant, and keeps budgets."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from anytime_server.doctor.findings import Finding, failure
from anytime_server.errors import AnytimeError, EngineDied

if TYPE_CHECKING:
    from anytime_server.controller import Tokenizer
    from anytime_server.engines.remote.config import RemoteConfig

DRAWS = {
    True: "seeded sessions draw the same whatever interrupts them",
    False: "seeded sessions that are interrupted draw another sample (vLLM's V1 model runner)",
    None: "it is too busy to show how it draws, so give --engine-arg draws_by_position=true (GPUs) or =false (CPUs)",
}
START = "start the server, or correct --engine-url"


def check_servers(urls: Sequence[str], model: str, api_key: str | None) -> list[Finding]:
    """Look at each server by itself."""
    from anytime_server.engines.choice import locate
    from anytime_server.engines.remote.config import RemoteConfig
    from anytime_server.engines.remote.engine import load_files

    try:
        config = RemoteConfig.of(urls, {}, api_key)
        tokenizer, _ = load_files(locate(model))
    except (AnytimeError, ImportError, OSError, ValueError) as error:
        return [failure("remote", error)]
    return asyncio.run(_check_all(config, tokenizer))


async def _check_all(config: "RemoteConfig", tokenizer: "Tokenizer") -> list[Finding]:
    findings = await asyncio.gather(*(_check(url, config, tokenizer) for url in config.urls))
    if not any(finding.status == "ok" for finding in findings):
        return findings
    # One is enough to start with; those that are not there join it later.
    return [replace(each, status="warning") if each.remedy == START else each for each in findings]


async def _check(url: str, config: "RemoteConfig", tokenizer: "Tokenizer") -> Finding:
    """Do what the engine does before it uses a server, once."""
    from anytime_server.engines.remote.inspection import inspect
    from anytime_server.engines.remote.upstream import Upstream

    upstream = Upstream(url, config, on_failure=lambda lost: None)
    try:
        found = await inspect(upstream, config, tokenizer)
    except EngineDied as error:
        return Finding("remote", "fail", str(error), START)
    except AnytimeError as error:
        return failure("remote", error)
    finally:
        await upstream.close()
    text = (
        f"{url} serves {found.model} (version {found.version}, context {found.max_model_len} tokens); the tokenizer is "
        "the one here, and a thought ends at its budget"
    )
    return Finding("remote", "ok", f"{text}; {DRAWS[found.draws_by_position]}", details={"url": url, **asdict(found)})
