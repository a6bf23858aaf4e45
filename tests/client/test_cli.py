import os
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.option_pairs import parse_options

HEAVY = ("torch", "transformers", "vllm", "trl", "fastapi", "uvicorn", "httpx")
COMMANDS = ("ask", "models", "calibrate", "doctor", "eval", "serve", "train")
MAIN = "from anytime_client.cli import main; main()"


def run(*arguments, code=MAIN, **environment):
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_help_imports_nothing_heavy():
    asked = [[], *([command] for command in COMMANDS), ["train", "brpo"]]
    code = f"""
import sys
from anytime_client.cli import build
for arguments in {asked}:
    try:
        build()([*arguments, "--help"])
    except SystemExit as end:
        assert not end.code, arguments
    loaded = set({HEAVY}) & set(sys.modules)
    assert not loaded, (arguments, loaded)
"""
    done = run(code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage") == len(asked)


def test_the_help_lists_every_command():
    done = CliRunner().invoke(build(), ["--help"])
    assert all(f" {command} " in done.stdout for command in COMMANDS)


def test_the_version_is_the_packages():
    assert CliRunner().invoke(build(), ["--version"]).stdout == f"anytime {version('anytime-reasoning')}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sevre"], "Did you mean 'serve'?"),
        (["serve", "--prot", "1"], "--port"),
        (["ask", "x", "-b", "-1"], "--budget"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments, message):
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["\udcff"], "QUESTION"),
        (["x", "--system", "\udcff"], "--system"),
        (["x", "--model", "\udcff"], "model can't be sent: it holds half"),
        (["x", "--stop-when", "match:\udcff"], "--stop-when"),
    ],
)
def test_bytes_that_are_no_text_are_wrong_use(arguments, named, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(build(), ["ask", *arguments])
    assert done.exit_code == 2
    assert named in done.stderr


@pytest.mark.parametrize(
    ("words", "offered"), [("anytime s", {"serve"}), ("anytime ask --ch", {"--checkpoints"}), ("anytime tr", {"train"})]
)
def test_bash_completes_commands_and_options(words, offered):
    state = {"_ANYTIME_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv[0] = 'anytime'; " + MAIN
    assert set(run(code=code, **state).stdout.split()) == offered


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "nope"], "choose one of"),
        (["--engine-arg", "novalue"], "KEY=VALUE"),
        (["--engine", "transformers", "--engine-arg", "nope=1"], "no option"),
        (["--thinking-format", "nope"], "unknown thinking format"),
        (["--effort", "high=2"], "--effort takes budgets >= 0 that do not fall"),
        (["--effort", "hgh=2"], "--effort: no effort 'hgh'; choose one of"),
        (["--effort", "low=few"], "--effort low needs a number"),
        (["--checkpoints", "5,2"], "--checkpoints must ascend"),
        (["--stop-when", "match:(a"], "--stop-when match can't be searched for"),
    ],
)
def test_wrong_options_end_with_one_line(arguments, message):
    done = CliRunner().invoke(build(), ["serve", "--port", "0", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("command", "variables", "message"),
    [
        ("serve", {"MAX_SESSIONS": "lots"}, "Invalid value for ANYTIME_MAX_SESSIONS: "),
        ("serve", {"LOAD_AWARE": "perhaps"}, "Invalid value for ANYTIME_LOAD_AWARE: "),
        ("serve", {"LOG_LEVEL": "loud"}, "Invalid value for ANYTIME_LOG_LEVEL: "),
        ("serve", {"KEY_WEIGHTS": "1"}, "ANYTIME_KEY_WEIGHTS does nothing without --fair-share"),
        ("serve", {"ENGINE_ARGS": "novalue"}, "ANYTIME_ENGINE_ARGS takes KEY=VALUE"),
        ("serve", {"ENGINE_ARG": "novalue"}, "ANYTIME_ENGINE_ARG takes KEY=VALUE"),
        ("worker", {"ENGINE_ARGS": "novalue"}, "ANYTIME_ENGINE_ARGS takes KEY=VALUE"),
        ("doctor", {"ENGINE_ARGS": "novalue"}, "ANYTIME_ENGINE_ARGS takes KEY=VALUE"),
    ],
)
def test_an_error_names_the_variable_that_has_set_an_option(command, variables, message, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in variables.items():
        monkeypatch.setenv(f"ANYTIME_{name}", value)
    done = CliRunner().invoke(build(), [command, "--port", "0"])
    assert done.exit_code == 2
    assert message in done.stderr


def test_an_error_names_the_option_if_the_command_line_has_it(monkeypatch):
    monkeypatch.setenv("ANYTIME_MAX_SESSIONS", "8")
    done = CliRunner().invoke(build(), ["serve", "--max-sessions", "lots"])
    assert "'--max-sessions'" in done.stderr
    assert "ANYTIME_MAX_SESSIONS" not in done.stderr


def test_engine_options_are_json_or_text():
    assert parse_options(["a-b=2", 'c={"x": [1]}', "d=bfloat16", "e=true"]) == {
        "a_b": 2,
        "c": {"x": [1]},
        "d": "bfloat16",
        "e": True,
    }


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("fastapi", ["serve", "--port", "0"], "server"),
        ("matplotlib", ["eval", "--model", "anytime-tiny"], "training"),
    ],
)
def test_a_missing_extra_is_named(module, arguments, extra, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, code=f"import sys; sys.modules[{module!r}] = None; {MAIN}")
    assert done.returncode == 1
    assert done.stderr == (
        f'anytime: {module} is not installed; this command needs: pip install "anytime-reasoning[{extra}]"\n'
    )


def test_a_taken_port_is_told_in_one_line_before_a_model_is_loaded():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = CliRunner().invoke(build(), ["serve", "--port", str(port)])
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        f"anytime serve: port {port} is taken on 127.0.0.1; choose another with --port (0 takes a free one)"
    ]


def test_a_model_that_is_nowhere_is_told_in_one_line():
    done = CliRunner().invoke(build(), ["serve", "--port", "0", "--model", "./nowhere"])
    assert done.exit_code == 2
    assert done.stderr == "anytime serve: there is no ./nowhere; give a folder with a model, or a Hub id\n"
