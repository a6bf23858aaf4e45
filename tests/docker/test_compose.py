import json
import re
from pathlib import Path

import jsonschema
import pytest
import typer.main
import yaml

from anytime_client.cli import build

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft7Validator(json.loads(Path(__file__).with_name("compose-spec.json").read_text()))
COMPOSE_FILES = ["compose.yaml", "docker/compose.yaml"]
SERVERS = ["anytime", "anytime-gpu", "anytime-replica"]
VARIABLE = re.compile(r"\$\{(\w+)")
NOT_OPTIONS = {"ANYTIME_API_KEYS", "ANYTIME_API_KEYS_FILE"}


@pytest.mark.parametrize("path", COMPOSE_FILES)
def test_it_is_valid_by_the_compose_specification(path):
    SCHEMA.validate(yaml.safe_load((ROOT / path).read_text()))


def test_a_key_that_compose_does_not_know_would_be_found(compose):
    compose["services"]["anytime"]["read_onyl"] = True
    assert not SCHEMA.is_valid(compose)


def test_the_root_file_includes_the_other(docker):
    included = yaml.safe_load((ROOT / "compose.yaml").read_text())["include"]
    assert [ROOT / path for path in included] == [docker / "compose.yaml"]


def test_without_a_profile_only_the_embedded_model_is_served(compose):
    always = [name for name, service in compose["services"].items() if "profiles" not in service]
    assert always == ["anytime"]
    assert compose["services"]["anytime"]["environment"]["ANYTIME_MODEL"].endswith(":-anytime-tiny}")


def test_every_profile_has_its_services(compose):
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}
    assert profiles["anytime-gpu"] == ["gpu"]
    assert profiles["prometheus"] == profiles["grafana"] == ["monitoring"]
    assert profiles["anytime-replica"] == profiles["redis"] == profiles["nginx"] == ["replicas"]


def test_every_service_is_hardened(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_nothing_is_published_beyond_this_machine(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:${") for port in published)


@pytest.mark.parametrize("server", SERVERS)
def test_answers_in_flight_are_finished_before_the_process_is_killed(compose, server):
    service = compose["services"][server]
    grace = int(service["stop_grace_period"].removesuffix("s"))
    # The drain, then the time that uvicorn gives to responses.
    assert grace > int(service["environment"]["ANYTIME_DRAIN"]) + 5


def test_replicas_share_a_store_that_keeps_what_it_acknowledged(compose):
    replica, redis = (compose["services"][name] for name in ("anytime-replica", "redis"))
    assert replica["deploy"]["replicas"] >= 2
    assert replica["environment"]["ANYTIME_STORE"] == "redis://redis:6379/0"
    options = dict(zip(redis["command"][1::2], redis["command"][2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert redis["volumes"] == ["redis:/data"]


def test_what_replicas_need_is_healthy_before_they_start(compose):
    for service, needed in (("nginx", "anytime-replica"), ("anytime-replica", "redis")):
        assert compose["services"][service]["depends_on"] == {needed: {"condition": "service_healthy"}}
    assert "healthcheck" in compose["services"]["redis"]


def test_only_the_proxy_of_the_replicas_is_published(compose):
    assert not {"ports", "container_name"} & compose["services"]["anytime-replica"].keys()
    assert "ports" not in compose["services"]["redis"]


def serve_variables():
    """The environment variables that options of `anytime serve` read."""
    serve = typer.main.get_command(build()).commands["serve"]
    return {name: option for option in serve.params for name in option.envvar or ()}


@pytest.mark.parametrize("server", SERVERS)
def test_every_variable_is_one_that_the_server_reads(compose, server):
    environment = compose["services"][server]["environment"]
    ours = {name for name in environment if name.startswith("ANYTIME_")}
    assert {"ANYTIME_MODEL", "ANYTIME_API_KEYS"} <= ours
    assert ours - NOT_OPTIONS <= serve_variables().keys()


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "Dockerfile.gpu"])
def test_every_variable_of_an_image_is_one_that_the_server_reads(docker, dockerfile):
    ours = set(re.findall(r"^[A-Z ]*(ANYTIME_\w+)=", (docker / dockerfile).read_text(), re.MULTILINE))
    assert {"ANYTIME_HOST", "ANYTIME_PORT"} <= ours <= serve_variables().keys()


def test_every_option_of_serve_can_be_set_by_its_variable():
    serve = typer.main.get_command(build()).commands["serve"]
    named = {option.name: option.envvar[0] for option in serve.params if option.name != "help"}
    others = {
        "open_page": "OPEN",
        "engine_arg": "ENGINE_ARGS",
        "engine_url": "ENGINE_URLS",
        "allowed_host": "ALLOWED_HOSTS",
        "cors_origin": "CORS_ORIGINS",
    }
    assert named == {name: f"ANYTIME_{others.get(name, name.upper())}" for name in named}


def test_what_can_be_set_is_listed_in_the_example(docker):
    used = set(VARIABLE.findall((docker / "compose.yaml").read_text()))
    example = (docker / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == used


def test_the_example_says_what_is_so_without_it(docker):
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (docker / "compose.yaml").read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (docker / ".env.example").read_text(), re.MULTILINE))
    changed = {name for name in example if example[name] != defaults[name]}
    assert changed == {"ANYTIME_ENGINE_ARGS"}


def test_every_file_that_is_mounted_exists(compose, docker):
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]
    assert len(mounted) == 4
    assert all((docker / path).exists() for path in mounted)


def test_every_volume_is_declared(compose):
    named = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == compose["volumes"].keys()
