import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.cli import parse_options

HEAVY = ("torch", "transformers", "vllm", "trl", "fastapi", "uvicorn")


@pytest.mark.parametrize("arguments", [["serve", "--help"], ["train", "--help"], ["--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom anytime_client.cli import build\n"
        f"try:\n    build()({arguments})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"loaded = set({HEAVY}) & set(sys.modules)\nassert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "nope"], "choose one of"),
        (["--engine-arg", "novalue"], "KEY=VALUE"),
        (["--engine", "transformers", "--engine-arg", "nope=1"], "no option"),
    ],
)
def test_wrong_options_end_with_one_line(arguments, message):
    done = CliRunner().invoke(build(), ["serve", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_engine_options_are_json_or_text():
    assert parse_options(["a-b=2", 'c={"x": [1]}', "d=bfloat16", "e=true"]) == {
        "a_b": 2,
        "c": {"x": [1]},
        "d": "bfloat16",
        "e": True,
    }


def test_a_missing_extra_is_named(monkeypatch, capsys):
    from anytime_client import cli

    def broken():
        raise ModuleNotFoundError("No module named 'trl'", name="trl")

    monkeypatch.setattr(cli, "build", broken)
    with pytest.raises(SystemExit, match=r"anytime-reasoning\[training\]"):
        cli.main()


def test_a_taken_port_is_told_in_one_line_before_a_model_is_loaded():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = CliRunner().invoke(build(), ["serve", "--port", str(port)])
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        f"anytime serve: port {port} is taken on 127.0.0.1; choose another with --port, or let --port 0 take a free one"
    ]


def test_a_model_that_is_nowhere_is_told_in_one_line():
    done = CliRunner().invoke(build(), ["serve", "--port", "0", "--model", "./nowhere"])
    assert done.exit_code == 2
    assert done.stderr == "anytime serve: there is no ./nowhere; give a folder with a model, or a Hub id\n"
