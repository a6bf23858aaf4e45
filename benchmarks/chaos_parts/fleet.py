"""The processes of a scenario, and what they tell of themselves."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from chaos_parts.plain import NO_TLS
from chaos_parts.priority import give_way, take_share
from chaos_parts.processes import (
    HOST,
    Launch,
    Process,
    anytime,
    environment,
    free_ports,
    redis_command,
    spawn,
    survivors,
)
from chaos_parts.scenario import FleetPlan
from chaos_parts.standby import Standby

START_S = 180.0
POLL_S = 0.1
ASK_S = 5.0
ENGINE_REQUESTS = "anytime_engine_requests"
SESSIONS = "anytime_sessions_in_flight"
BACKLOG = "anytime_store_backlog"
EXACT = {"vllm": ("--engine-arg", "dtype=float32", "--engine-arg", "enforce_eager=true")}
"""Options of an engine without which tokens depend on what else is in the batch."""

NO_REDIS = "no redis answers"
"""In the last line of a server that could not start for want of it."""


class Fleet:
    """Servers, the workers that they share, and the Redis that they share."""

    def __init__(self, plan: FleetPlan, folder: Path, launch: Launch = spawn) -> None:
        """Choose ports; nothing is started yet. `launch` will start servers and workers."""
        self.plan = plan
        self._launch = launch
        self.mark = secrets.token_hex(8)
        self._folder = folder
        self._standby: list[Standby] = []
        self._starts_again = asyncio.Lock()
        ports = free_ports(plan.servers + plan.workers + 1)
        store = f"redis://{HOST}:{ports[0]}/0"
        self.redis = self._process("redis", redis_command(ports[0], folder), ports[0], folder) if plan.redis else None
        worker_ports, server_ports = ports[1 : 1 + plan.workers], ports[1 + plan.workers :]
        self.workers = [
            self._process(f"worker-{index}", self._worker(port), port, folder)
            for index, port in enumerate(worker_ports)
        ]
        self.servers = [
            self._process(f"server-{index}", self._server(port, worker_ports, store), port, folder)
            for index, port in enumerate(server_ports)
        ]

    @property
    def all(self) -> list[Process]:
        """Every process, those first that others need."""
        return [*([self.redis] if self.redis else []), *self.workers, *self.servers]

    async def start(self, process: Process) -> None:
        """Start a process and wait until it is ready.

        Raises:
            RuntimeError: if it ends meanwhile, or is not ready in time; with the end of its log.
        """
        process.start()
        await self._until_ready(process)

    async def _until_ready(self, process: Process) -> None:
        try:
            async with asyncio.timeout(START_S):
                while not await self.is_ready(process):
                    if not process.runs:
                        raise RuntimeError(f"{process.name} has ended:\n{process.tail()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise RuntimeError(f"{process.name} is not ready after {START_S:.0f} s:\n{process.tail()}") from error

    async def start_again(self, process: Process) -> None:
        """Start a process that has ended, one at a time and behind all that serves: as if on another machine.

        A server that comes while Redis is away ends, and is started once more when Redis is back, as supervisors do.

        Raises:
            RuntimeError: see `start`.
        """
        async with self._starts_again:
            process.start(self._standby.pop() if self._standby else None)
            give_way(process.pid)
            try:
                await self._until_ready(process)
            except RuntimeError:
                if self.redis is None or NO_REDIS not in process.tail().rstrip().rpartition("\n")[2]:
                    raise
                await self._until_ready(self.redis)
                await self.start(process)
            finally:
                take_share(process.pid)

    async def start_all(self, standby: int = 0) -> None:
        """Start everything, at first what others need; and so many processes that wait to be one of these.

        Raises:
            RuntimeError: see `start`.
        """
        if self.redis:
            await self.start(self.redis)
        await asyncio.gather(*(self.start(process) for process in self.workers))
        await asyncio.gather(*(self.start(process) for process in self.servers))
        self._standby = [Standby(environment(self.mark), self._folder) for _ in range(standby)]
        for each in self._standby:
            await asyncio.to_thread(each.ready)

    def dismiss(self) -> None:
        """End the processes that still wait."""
        for each in self._standby:
            each.kill()

    async def is_ready(self, process: Process) -> bool:
        """Whether a process would serve now."""
        if process is self.redis:
            return await _pings(process.port)
        path = "/health" if process in self.workers else "/readyz"
        try:
            async with httpx.AsyncClient(timeout=ASK_S, verify=NO_TLS) as client:
                return (await client.get(f"{url(process)}{path}")).status_code == 200
        except httpx.TransportError:
            return False

    async def gauge(self, process: Process, name: str) -> float:
        """Return the sum of a metric over its labels, as the process tells it.

        Raises:
            httpx.TransportError: if it does not answer.
        """
        async with httpx.AsyncClient(timeout=ASK_S, verify=NO_TLS) as client:
            text = (await client.get(f"{url(process)}/metrics")).text
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(sample.value for sample in samples if sample.name == name)

    async def load(self, worker: Process) -> float:
        """Return how many requests a worker's engine has.

        Raises:
            httpx.TransportError: if it does not answer.
        """
        async with httpx.AsyncClient(timeout=ASK_S, verify=NO_TLS) as client:
            return float((await client.get(f"{url(worker)}/load")).json()["server_load"])

    async def text_of(self, server: Process, tokens: Sequence[int]) -> str:
        """Return the text of token ids, special ones included.

        Raises:
            httpx.HTTPError: if the server does not tell.
        """
        async with httpx.AsyncClient(timeout=ASK_S, verify=NO_TLS) as client:
            response = await client.post(f"{url(server)}/detokenize", json={"tokens": list(tokens)})
        return str(response.raise_for_status().json()["prompt"])

    def _process(self, name: str, command: list[str], port: int, folder: Path) -> Process:
        launch = spawn if name == "redis" else self._launch
        return Process(name, command, port, folder, self.mark, launch)

    def _worker(self, port: int) -> list[str]:
        where = ("--port", str(port), "--model", self.plan.model, "--engine", self.plan.engine)
        return anytime("worker", *where, *EXACT.get(self.plan.engine, ()))

    def _server(self, port: int, worker_ports: list[int], store: str) -> list[str]:
        urls = [option for worker in worker_ports for option in ("--engine-url", f"http://{HOST}:{worker}")]
        engine = "remote" if worker_ports else self.plan.engine
        shared = ["--store", store, "--lease-s", str(self.plan.lease_s)] if self.plan.redis else []
        options = EXACT.get(engine, ())
        where = ("--port", str(port), "--model", self.plan.model, "--engine", engine)
        return anytime("serve", *where, *options, *urls, *shared)


def url(process: Process) -> str:
    """Return where a process serves."""
    return f"http://{HOST}:{process.port}"


async def _pings(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.write(b"PING\r\n")
    try:
        return await asyncio.wait_for(reader.readline(), ASK_S) == b"+PONG\r\n"
    except (TimeoutError, ConnectionError):
        return False
    finally:
        writer.close()


@asynccontextmanager
async def running(plan: FleetPlan, folder: Path, standby: int = 0, launch: Launch = spawn) -> AsyncIterator[Fleet]:
    """Start the processes of a plan, and leave none of them behind whatever happens.

    Args:
        plan: of the fleet.
        folder: for logs.
        standby: how many starts later on are prepared for.
        launch: starts servers and workers.

    Raises:
        RuntimeError: if some process can't be started, or outlives the run.
    """
    fleet = Fleet(plan, folder, launch)
    try:
        await fleet.start_all(standby)
        yield fleet
        await asyncio.gather(*(asyncio.to_thread(server.end) for server in fleet.servers))
        await asyncio.gather(*(asyncio.to_thread(worker.end) for worker in fleet.workers))
    finally:
        fleet.dismiss()
        for process in fleet.all:
            if process.runs:
                process.kill()
    left = await asyncio.to_thread(survivors, fleet.mark, {id for process in fleet.all for id in process.sessions})
    if left:
        raise RuntimeError(f"processes are left of the run: {left}")
