"""The manifests, held against the image, the app's routes and the server's settings; no cluster is asked."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from anytime_client.cli import build
from anytime_server.api import create_app
from fakes import FakeEngine, scripted

FOLDER = Path(__file__).parents[2] / "docker" / "k8s"
FILES = sorted(FOLDER.glob("*.yaml"))
NAME = "app.kubernetes.io/name"
OURS_BESIDE_OPTIONS = {"ANYTIME_API_KEYS_FILE"}


@pytest.fixture(scope="module")
def objects():
    """Every object, by kind and name."""
    found = [part for file in FILES for part in yaml.safe_load_all(file.read_text())]
    return {(part["kind"], part["metadata"]["name"]): part for part in found if "metadata" in part}


@pytest.fixture(scope="module")
def workloads(objects):
    """Whatever has pods, by name."""
    return {name: each for (kind, name), each in objects.items() if kind in ("Deployment", "StatefulSet")}


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    (only,) = pod(workload)["containers"]
    return only


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def test_every_file_says_what_it_is_of(objects):
    assert len(FILES) == 7
    assert all(part["apiVersion"] for part in objects.values())


def test_the_kustomization_leaves_out_what_not_every_cluster_has(objects):
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert set(kustomization["resources"]) == {"redis.yaml", "servers.yaml", "network.yaml"}
    assert {image["name"] for image in kustomization["images"]} == {"anytime", "anytime-gpu"}


def test_selectors_find_their_pods(objects, workloads):
    names = {labels(workload)[NAME] for workload in workloads.values()}
    for (kind, name), each in objects.items():
        selector = each.get("spec", {}).get("selector") or each.get("spec", {}).get("podSelector")
        if selector is not None:
            assert selector.get("matchLabels", selector)[NAME] in names, (kind, name)
    for workload in workloads.values():
        assert workload["spec"]["selector"]["matchLabels"] == labels(workload)


def test_ports_have_the_names_that_are_asked_for(objects, workloads):
    by_label = {labels(workload)[NAME]: workload for workload in workloads.values()}
    for (kind, _), each in objects.items():
        if kind == "Service":
            named = {port["name"] for port in container(by_label[each["spec"]["selector"][NAME]])["ports"]}
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= named
        if kind == "NetworkPolicy":
            named = {
                port["name"] for port in container(by_label[each["spec"]["podSelector"]["matchLabels"][NAME]])["ports"]
            }
            assert {port["port"] for rule in each["spec"]["ingress"] for port in rule["ports"]} <= named
    for workload in workloads.values():
        named = {port["name"] for port in container(workload)["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container(workload).get(probe, {})
            how = asked.get("httpGet") or asked.get("tcpSocket")
            assert how is None or how["port"] in named


def test_probes_ask_routes_that_there_are(workloads):
    paths = create_app(FakeEngine(scripted("", ""))).openapi()["paths"]
    server = container(workloads["anytime"])
    assert server["startupProbe"]["httpGet"]["path"] == server["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {"/readyz", "/healthz"} <= paths.keys()


def test_the_server_listens_where_it_is_asked(workloads, docker):
    (port,) = container(workloads["anytime"])["ports"]
    assert f"ANYTIME_PORT={port['containerPort']}" in (docker / "Dockerfile").read_text()


def test_every_variable_is_one_that_the_server_reads(workloads):
    serve = typer.main.get_command(build()).commands["serve"]
    known = {name for option in serve.params for name in option.envvar or ()}
    given = {variable["name"] for variable in container(workloads["anytime"])["env"]}
    ours = {name for name in given if name.startswith("ANYTIME_")}
    assert {"ANYTIME_API_KEYS_FILE", "ANYTIME_STORE", "ANYTIME_DRAIN"} <= ours
    assert ours - OURS_BESIDE_OPTIONS <= known


def test_a_pod_is_given_the_time_that_it_takes_to_go(workloads):
    server = workloads["anytime"]
    variables = {variable["name"]: variable.get("value") for variable in container(server)["env"]}
    wait = int(container(server)["lifecycle"]["preStop"]["exec"]["command"][1])
    # The drain, then the time that uvicorn gives to responses.
    assert pod(server)["terminationGracePeriodSeconds"] > wait + int(variables["ANYTIME_DRAIN"]) + 5


def test_every_pod_is_hardened(workloads):
    for name, workload in workloads.items():
        security = container(workload)["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert pod(workload)["securityContext"]["runAsNonRoot"], name
        assert not pod(workload)["enableServiceLinks"] and not pod(workload)["automountServiceAccountToken"], name


def test_volumes_are_there_that_are_mounted(workloads):
    for workload in workloads.values():
        there = {volume["name"] for volume in pod(workload).get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container(workload)["volumeMounts"]} == there


def test_secrets_are_named_and_never_written_out(objects):
    assert not [name for kind, name in objects if kind == "Secret"]
    text = "\n".join(file.read_text() for file in FILES)
    assert set(re.findall(r"(?:secretName: |secretKeyRef: \{name: )([\w-]+)", text)) == {
        "anytime-keys",
        "anytime-redis",
        "anytime-worker",
    }


def test_only_servers_reach_redis_and_the_workers(objects):
    for name in ("anytime-redis", "anytime-worker"):
        policy = objects["NetworkPolicy", name]["spec"]
        (rule,) = policy["ingress"]
        assert policy["policyTypes"] == ["Ingress"]
        assert rule["from"] == [{"podSelector": {"matchLabels": {NAME: "anytime"}}}]


def test_a_session_is_never_evicted_from_redis(objects):
    arguments = container(objects["StatefulSet", "anytime-redis"])["args"]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert options["--requirepass"] == "$(REDIS_PASSWORD)"


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_autoscaling_goes_by_the_pressure_of_the_servers(objects, workloads, kind):
    spec = objects[kind, "anytime"]["spec"]
    assert spec["scaleTargetRef"]["name"] in workloads
    assert "anytime_pressure" in yaml.safe_dump(spec)
