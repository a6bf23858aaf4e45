"""Options of `anytime serve` that do nothing without another one."""

import pytest
import typer.main
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.cli import LEASE_S, LOAD_FLOOR
from anytime_server.controller.load import LoadPolicy
from anytime_server.dependent_options import DEPENDENCES
from anytime_server.reasoning.stores.redis import RedisSettings
from anytime_server.serving import ServeOptions

ALONE = [
    ("--load-floor", "0.25", "--load-aware"),
    ("--target-tokens-per-second", "9", "--load-aware"),
    ("--curve", "summary.json", "--load-aware"),
    ("--key-weights", "3,1", "--fair-share"),
    ("--lease-s", "2", "a Redis in --store"),
]
WITH = {
    "--load-aware": ["--load-aware"],
    "--fair-share": ["--fair-share"],
    "a Redis in --store": ["--store", "redis://localhost"],
}


def serve_options(*arguments):
    serve = typer.main.get_command(build()).commands["serve"]
    with serve.make_context("serve", list(arguments)) as context:
        return ServeOptions(**context.params)


def test_every_such_option_is_tried_here():
    assert {name for dependence in DEPENDENCES for name in dependence.options} == {
        option.removeprefix("--").replace("-", "_") for option, *_ in ALONE
    }


@pytest.mark.parametrize(("option", "value", "needed"), ALONE)
def test_one_is_refused_alone_and_taken_with_the_other(option, value, needed):
    done = CliRunner().invoke(build(), ["serve", "--port", "0", option, value])
    assert done.exit_code == 2
    assert f"anytime serve: {option} does nothing without {needed}" in done.stderr
    assert f"set that, or leave {option} out" in done.stderr
    assert serve_options(option, value, *WITH[needed])


def test_one_that_the_environment_gives_alone_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("ANYTIME_LOAD_FLOOR", "0.5")
    done = CliRunner().invoke(build(), ["serve", "--port", "0"])
    assert "ANYTIME_LOAD_FLOOR does nothing without --load-aware" in done.stderr
    monkeypatch.setenv("ANYTIME_LOAD_AWARE", "1")
    assert serve_options().load_floor == 0.5


def test_nothing_given_is_nothing_refused_and_the_help_says_what_is_usual():
    assert serve_options().load_floor is serve_options().lease_s is None
    assert LOAD_FLOOR.endswith(f"default: {LoadPolicy().floor}")
    assert LEASE_S.endswith(f"default: {RedisSettings(ttl_s=1).lease_s:g}")
