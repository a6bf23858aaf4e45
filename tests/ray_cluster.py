"""A cluster of Ray in namespaces of its own, and what happens there when replicas are killed; prints one JSON line.

    ray_cluster.py           replicas that share nothing
    ray_cluster.py shared    replicas that share their sessions by Redis
    ray_cluster.py serve     what both start: Ray's `serve`, with its arguments

Ray listens on every address of the machine without asking who calls, keeps fixed ports and paths in /tmp, and leaves
processes behind. So: a network with nothing but a loopback, a /tmp of its own, and process ids that end with this one.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from anytime_client import AsyncAnytime, ReasonDocument

URL = "http://127.0.0.1:8000"
STATISTICS = "http://127.0.0.1:8404/stats;csv"
LIMIT_S = 240
STREAMS = 4
LONG = {"budget": 100, "min_budget": 100, "temperature": 0}
QUESTION = "smallest of 45+8, 7*6"


NAMESPACES = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


def can_isolate() -> bool:
    """Return whether this user may make such namespaces here."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run([*NAMESPACES, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


def isolated(folder: Path, *arguments: str) -> list[str]:
    """Return the command that runs this file apart from the machine, with a /tmp in `folder`; it needs root.

    A checkout or an environment that lies in /tmp stays where it is.
    """
    kept = [path for path in (Path(__file__).parent.parent, Path(sys.prefix)) if path.is_relative_to("/tmp")]
    places = [(path, Path(folder) / path.relative_to("/tmp")) for path in kept]
    binds = "".join(f'mkdir -p "{place}" && mount --bind "{path}" "{place}" && ' for path, place in places)
    setup = f'ip link set lo up && {binds}mount --rbind "{folder}" /tmp && exec "$@"'
    return [*NAMESPACES, "bash", "-c", setup, "bash", sys.executable, __file__, *arguments]


def replicas() -> set[int]:
    """Return the process ids of the replicas there are."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::ServeReplica"):
                found.add(int(entry.name))
    return found


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.1)


@asynccontextmanager
async def served(*more: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve two replicas, with more arguments; give a client for their proxy."""
    variables = {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        # On a busy machine the proxy takes longer than five seconds, and would be started anew until Serve gives up.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "50",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, __file__, "serve", "run", "anytime_server.ray_app:build"]
    arguments = ["model=anytime-tiny", "replicas=2", "allow_unauthenticated=true", "num_cpus=0.1", *more]
    with open("/tmp/serve.log", "w") as log:
        process = subprocess.Popen([*command, *arguments], env={**os.environ, **variables}, stdout=log, stderr=log)
    async with httpx.AsyncClient(base_url=URL, timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        async with asyncio.timeout(LIMIT_S):
            while process.poll() is None and not await ready(client):
                await asyncio.sleep(0.2)
        if process.poll() is not None:
            sys.exit(Path("/tmp/serve.log").read_text()[-4000:])
        await until_both_are_routed_to(client)
        yield client


async def ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def until_both_are_routed_to(client: httpx.AsyncClient) -> None:
    """Wait for two replicas behind HAProxy."""
    async with asyncio.timeout(LIMIT_S):
        while len(await routed_to(client)) != 2:
            await asyncio.sleep(0.2)


async def routed_to(client: httpx.AsyncClient) -> set[str]:
    """Return the replicas that HAProxy sends requests to, by its names for them."""
    rows = (await client.get(STATISTICS)).text.splitlines()
    return {",".join(row.split(",")[:2]) for row in rows if "SERVE_REPLICA" in row and ",UP," in row}


@dataclass
class Stream:
    """What a reader of one stream has seen."""

    thinking: bool = False
    ended: str | None = None
    broken: bool = False
    read_until: float = 0.0


async def read(client: httpx.AsyncClient, stream: Stream) -> None:
    try:
        async with client.stream("POST", "/reason", json={**LONG, "prompt": QUESTION, "stream": True}) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                stream.thinking |= line == "event: thinking.delta"
                if line in ("event: reason.completed", "event: reason.failed", "event: reason.cancelled"):
                    stream.ended = line.removeprefix("event: ")
    except httpx.TransportError:
        stream.broken = True
    stream.read_until = time.monotonic()


async def under_readers(client: httpx.AsyncClient, resuming: AsyncAnytime | None = None) -> dict[str, object]:
    """Kill a replica under readers that do not resume, and some that do if there is a client for them.

    Returns once another replica is there in its place.
    """
    first = (await client.post("/reason", json={"prompt": "smallest of 4, 2", "budget": 40})).json()
    undisturbed = None if resuming is None else await resuming.reason(QUESTION, **LONG)
    streams, followed = [Stream() for _ in range(STREAMS)], [Followed() for _ in range(STREAMS if resuming else 0)]
    reading = [asyncio.create_task(read(client, stream)) for stream in streams]
    reading += [asyncio.create_task(follow(resuming, session)) for session in followed]
    await until(lambda: all(stream.thinking for stream in streams) and all(len(one.numbers) > 2 for one in followed))
    before = replicas()
    killed_at = time.monotonic()
    os.kill(min(before), signal.SIGKILL)
    await until(lambda: any(stream.broken for stream in streams))
    new = [await client.post("/reason", json={"prompt": "smallest of 4, 2", "budget": 20}) for _ in range(4)]
    await asyncio.gather(*reading)
    await until(lambda: len(replicas()) == 2)
    return {
        "first": first["status"],
        "ended": [stream.ended for stream in streams],
        "broken_after_s": [stream.read_until - killed_at for stream in streams if stream.broken],
        "whole_after_s": [stream.read_until - killed_at for stream in streams if not stream.broken],
        "new": [response.status_code for response in new],
        "replaced": len(replicas() - before),
        "shared": {
            "statuses": [one.document.status for one in followed],
            "resumed": sum(one.resumed for one in followed),
            "equal": [one.document.thinking == undisturbed.thinking for one in followed],
            "gapless": [one.numbers == list(range(1, len(one.numbers) + 1)) for one in followed],
        },
    }


@contextmanager
def store() -> Iterator[str]:
    """Run a Redis, and give the argument of replicas that share it."""
    redis = subprocess.Popen(["redis-server", "--dir", "/tmp", "--save", "", "--appendonly", "yes", "--logfile", "log"])
    try:
        yield "store=redis://127.0.0.1:6379/0"
    finally:
        redis.kill()


async def with_a_store() -> dict[str, object]:
    """Kill a replica under both kinds of readers."""
    with store() as shared:
        async with served(shared) as client, AsyncAnytime(base_url=URL, max_retries=12) as resuming:
            return await under_readers(client, resuming)


async def without_a_store() -> dict[str, object]:
    """Kill a replica under readers that have nowhere to go on."""
    async with served() as client:
        return await under_readers(client)


@dataclass
class Followed:
    """What a reader has seen that goes on wherever its session does."""

    numbers: list[int] = field(default_factory=list)
    resumed: bool = False
    document: ReasonDocument | None = None


async def follow(client: AsyncAnytime, seen: Followed) -> None:
    """Read a stream to its end, over whatever happens."""
    async with client.stream(QUESTION, **LONG) as stream:
        async for event in stream:
            seen.numbers.append(event.sequence_number)
            seen.resumed |= event.type == "reason.resumed"
        seen.document = stream.document


def serve(arguments: Sequence[str]) -> None:
    """Be Ray's `serve`, on a Ray without the dashboard that it would start: a dozen processes."""
    import ray
    from ray.serve.scripts import cli

    ray.init(include_dashboard=False, namespace="serve", log_to_driver=False)
    cli(arguments)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2:])
    scenario = with_a_store if sys.argv[1:] == ["shared"] else without_a_store
    print(json.dumps(asyncio.run(scenario())))
