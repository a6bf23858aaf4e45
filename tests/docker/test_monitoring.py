import json
import re

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from anytime_server.api import create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.reasoning import ReasonSettings
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import serve

METRIC = re.compile(r"\b(anytime_\w+)\b")
LABELS = re.compile(r"\b(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
PUT_ON_BY_THE_SCRAPE = {"server", "job"}


@pytest.fixture
def dashboard(docker):
    return json.loads((docker / "monitoring/grafana/dashboards/anytime.json").read_text())


@pytest.fixture
def expressions(dashboard):
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [*queries, *(variable["query"] for variable in dashboard["templating"]["list"])]


@pytest.fixture
async def exposed():
    """Names and labels of the samples that a server exposes once it has served."""
    engine = FakeEngine(scripted("a=1; b=2", "Answer: 2"))
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    async with serve(create_app(engine, ReasonSettings(), thinking_format=format)) as client:
        assert (await client.post("/reason?budget=20", json={"prompt": "x"})).status_code == 200
        text = (await client.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def test_every_metric_of_the_dashboard_is_exposed(expressions, exposed):
    named = {name for expression in expressions for name in METRIC.findall(expression)}
    assert len(named) > 8
    assert named <= exposed.keys()


def test_what_autoscaling_goes_by_is_exposed(exposed):
    assert exposed["anytime_pressure"] == set()


def test_every_label_of_the_dashboard_is_one_of_its_metrics(expressions, exposed):
    for expression in expressions:
        labels = set(LABELS.findall(expression))
        labels |= {label.strip() for group in GROUPING.findall(expression) for label in group.split(",")}
        known = PUT_ON_BY_THE_SCRAPE.union(*(exposed[name] for name in METRIC.findall(expression)))
        assert labels <= known, expression


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard):
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_the_dashboard_reads_from_the_data_source_that_is_provisioned(dashboard, docker):
    (source,) = yaml.safe_load((docker / "monitoring/grafana/provisioning/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"


def test_prometheus_asks_the_servers_of_the_compose_file(compose, docker):
    (job,) = yaml.safe_load((docker / "monitoring/prometheus.yaml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == [name for name in compose["services"] if name.startswith("anytime")]
    published = [port for name in found["names"] for port in compose["services"][name].get("ports", [])]
    assert len(published) == 2
    assert all(port.endswith(f":{found['port']}") for port in published)


def test_the_dashboard_lies_where_grafana_looks_for_it(compose, docker):
    (provider,) = yaml.safe_load((docker / "monitoring/grafana/provisioning/dashboards/anytime.yaml").read_text())[
        "providers"
    ]
    folder = provider["options"]["path"]
    assert f"./monitoring/grafana/dashboards:{folder}:ro" in compose["services"]["grafana"]["volumes"]
    home = compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/anytime.json"
