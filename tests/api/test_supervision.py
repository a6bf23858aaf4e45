"""What an operator sees of an engine that dies: readiness, metrics, and the end of a process whose engine is lost."""

import asyncio
import json
from pathlib import Path

import httpx

from anytime_server.api import ServerSettings, create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Supervised
from anytime_server.errors import EngineError
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import serve
from processes import free_port, wait_until_ready

SERVER = Path(__file__).parents[1] / "lost_server.py"


class Slow(FakeEngine):
    """Dies when told to, and starts again when told to."""

    def __init__(self):
        super().__init__(scripted("a=1; b=2; c=3; d=4; done", "There are 4.\nAnswer: 4"))
        self.may_start = asyncio.Event()
        self.may_start.set()

    async def start(self):
        await self.may_start.wait()
        await super().start()


async def until(condition):
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_an_engine_that_is_away_is_not_ready_has_no_load_and_is_counted():
    inner = Slow()
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    app = create_app(Supervised(inner, stall_s=0.2), None, ServerSettings(drain_s=1), thinking_format=format)
    async with serve(app) as client:

        async def ready():
            return (await client.get("/readyz")).status_code == 200

        async def unready():
            return not await ready()

        async def metric(name):
            lines = (await client.get("/metrics")).text.splitlines()
            return float(next(line.split()[-1] for line in lines if line.startswith(name)))

        assert await metric("anytime_engine_restarts_total") == 0
        # A step that hangs, with a request in it.
        inner.may_start.clear()
        inner.gate.clear()
        running = asyncio.create_task(client.post("/reason", json={"prompt": "x", "budget": 8, "checkpoints": []}))
        await until(unready)
        response = await client.get("/readyz")
        assert response.json()["error"]["type"] == "engine_error"
        assert int(response.headers["Retry-After"]) >= 1
        assert (await client.get("/healthz")).status_code == 200
        assert await metric('anytime_engine_requests{state="running"}') == 0
        assert await metric("anytime_engine_kv_in_use_ratio") == 0
        inner.gate.set()
        inner.may_start.set()
        await until(ready)
        document = (await running).json()
        assert (document["status"], document["budget"]["spent"]) == ("completed", 8)
        assert await metric("anytime_engine_restarts_total") == 1


async def test_a_start_that_fails_fails_the_server():
    class Broken(FakeEngine):
        async def start(self):
            raise EngineError("no such model")

    engine = Supervised(Broken(scripted("", "")))
    app = create_app(engine)
    try:
        async with app.router.lifespan_context(app):
            raise AssertionError("it started")
    except EngineError as error:
        assert error.message == "no such model"
    assert engine.restarts == 0


def test_a_process_whose_engine_is_lost_ends_its_streams_and_says_why_by_its_exit_code(forks):
    port = free_port()
    ask = {"prompt": "x", "budget": 500_000, "checkpoints": [], "stream": True}
    process = forks.piped([str(SERVER), str(port)])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until_ready(process, client)
            with client.stream("POST", "/reason", json=ask) as response:
                data = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data")]
        written = process.communicate(timeout=60)[0]
    finally:
        process.close()
    last = json.loads(data[-1])
    assert last["type"] == "reason.failed"
    assert last["document"]["error"]["type"] == "engine_error"
    assert process.returncode == 70
    assert len([line for line in written.splitlines() if "CRITICAL" in line.upper()]) == 1
    assert "out of order" in written
    assert "Traceback" not in written
