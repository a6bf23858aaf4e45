"""The arguments of `serve run anytime_server.ray_app:build`, without Ray."""

import re
import subprocess
import sys

import pytest
import typer.main
import yaml

from anytime_client.cli import build
from anytime_server.ray_options import RAYS_OWN, Scale, read
from docs_pages import ROOT, text_of


def test_options_have_the_names_and_the_defaults_of_serve():
    serve = typer.main.get_command(build()).commands["serve"]
    with serve.make_context("serve", []) as context:
        defaults = context.params
    options = read({}).serve
    assert {name: getattr(options, name) for name in defaults if name != "host"} == {
        name: value for name, value in defaults.items() if name != "host"
    }


def test_values_are_read_as_on_the_command_line():
    options = read({"max_sessions": "8", "drain": "2.5", "log_prompts": "true", "replicas": "2", "num_gpus": "0.5"})
    assert (options.serve.max_sessions, options.serve.drain, options.serve.log_prompts) == (8, 2.5, True)
    assert options.scale == Scale(replicas=2, num_gpus=0.5)


def test_values_of_a_configuration_file_come_with_their_types():
    options = read({"max_sessions": 8, "trust_special_tokens": True, "engine_arg": ["a=1", "b=2"], "replicas": 2})
    assert (options.serve.max_sessions, options.serve.trust_special_tokens) == (8, True)
    assert list(options.serve.engine_arg) == ["a=1", "b=2"]


def test_an_argument_that_does_nothing_without_another_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"^lease_s does nothing without a Redis in store: set that, or leave lease_s"):
        read({"lease_s": "3"})


def test_several_values_stand_with_spaces_between_them():
    assert list(read({"engine_arg": "a=1 b=2"}).serve.engine_arg) == ["a=1", "b=2"]


def test_a_switch_can_be_turned_off_against_the_environment(monkeypatch):
    monkeypatch.setenv("ANYTIME_LOG_PROMPTS", "true")
    assert read({}).serve.log_prompts
    assert not read({"log_prompts": "false"}).serve.log_prompts


def test_what_is_not_given_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ANYTIME_MAX_SESSIONS", "9")
    assert read({}).serve.max_sessions == 9
    assert read({"max_sessions": "8"}).serve.max_sessions == 8
    monkeypatch.setenv("ANYTIME_MAX_SESSIONS", "many")
    with pytest.raises(ValueError, match="for ANYTIME_MAX_SESSIONS: "):
        read({})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_session": "8"}, "did you mean max_sessions"),
        ({"--max-sessions": "8"}, "did you mean max_sessions"),
        ({"replica": "2"}, "did you mean replicas"),
        ({"nonsense": "1"}, "there are "),
        ({"help": "1"}, "there are "),
        ({"max_sessions": "0"}, "--max-sessions"),
        ({"max_sessions": "many"}, "--max-sessions"),
        ({"log_prompts": "perhaps"}, "log_prompts takes true or false"),
        ({"log_level": "loud"}, "--log-level"),
        ({"replicas": "0"}, "--replicas"),
        ({"num_gpus": "-1"}, "--num-gpus"),
        ({"min_replicas": "1"}, "go together"),
        ({"min_replicas": "3", "max_replicas": "2"}, "min_replicas=3 is more than max_replicas=2"),
        ({"replicas": "2", "min_replicas": "1", "max_replicas": "2"}, "replicas is a fixed number"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(given, told):
    with pytest.raises(ValueError) as caught:
        read(given)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", RAYS_OWN)
def test_the_address_is_rays(name):
    with pytest.raises(ValueError, match=f"{name} is no argument here: .*Ray's"):
        read({name: "1"})


def documented():
    """The arguments that the page on scaling gives: on the command line, in a configuration, to KubeRay."""
    page = text_of(ROOT / "docs" / "scaling.md")
    (command,) = re.findall(r"^serve run anytime_server\.ray_app:build (.*?)^```", page, re.MULTILINE | re.DOTALL)
    yield dict(pair.split("=", 1) for pair in command.replace("\\\n", " ").split())
    for arguments in re.findall(r"^ +args: (\{.*\})$", page, re.MULTILINE):
        yield yaml.safe_load(arguments)


@pytest.mark.parametrize("arguments", list(documented()), ids=str)
def test_what_the_page_on_scaling_gives_is_understood(arguments):
    read(arguments)


def test_without_ray_the_import_says_what_to_install():
    code = "import sys; sys.modules['ray'] = None; import anytime_server.ray_app"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1].endswith('Ray is not installed: pip install "anytime-reasoning[ray]"')
