"""The dashboard's queries on a real Prometheus, where one is installed (Debian: apt-get install prometheus)."""

import asyncio
import json
import shutil
import socket

import httpx
import pytest
import yaml

from anytime_server.api import create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.reasoning import ReasonSettings
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import serve

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus on the PATH")


@pytest.fixture
async def prometheus(docker, tmp_path):
    """Run Prometheus on our configuration, with the address of a served fake engine in place of the containers'."""
    engine = FakeEngine(scripted("a=1; b=2; c=3", "Answer: 3"), pause_s=0.001)
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    config = yaml.safe_load((docker / "monitoring/prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    async with serve(create_app(engine, ReasonSettings(), thinking_format=format)) as client:
        (job,) = config["scrape_configs"]
        del job["dns_sd_configs"], job["relabel_configs"]
        target = f"{client.base_url.host}:{client.base_url.port}"
        job["static_configs"] = [{"targets": [target], "labels": {"server": "anytime"}}]
        file = tmp_path / "prometheus.yaml"
        file.write_text(yaml.safe_dump(config))
        flags = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={address}"]
        process = await asyncio.create_subprocess_exec(PROMETHEUS, *flags, stderr=asyncio.subprocess.DEVNULL)
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}/api/v1", timeout=30) as api:
                yield api, client
        finally:
            process.terminate()
            await process.wait()


async def ask(api, query):
    response = await api.get("/query", params={"query": query})
    assert response.status_code == 200, response.text
    return response.json()["data"]["result"]


async def test_every_query_of_the_dashboard_has_a_result(prometheus, docker):
    api, client = prometheus
    dashboard = json.loads((docker / "monitoring/grafana/dashboards/anytime.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    async with asyncio.timeout(60):
        while True:
            # Rates want growth between scrapes.
            await client.post("/reason?budget=20", json={"prompt": "x" * 100})
            try:
                if await ask(api, "sum(rate(anytime_sessions_total[10s])) > 0"):
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.2)
    for query in queries:
        filled = query.replace("$server", ".*").replace("$__rate_interval", "10s").replace("$__range", "1m")
        result = await ask(api, filled)
        assert result, query
        assert all(sample["value"][1] != "NaN" for sample in result), query
