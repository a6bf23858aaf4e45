"""`--help` on a terminal of 80 columns."""

import re

import pytest
import typer
from typer.testing import CliRunner

from anytime_client import StopWhen
from anytime_client.cli import build
from anytime_client.cli.help import Command
from anytime_client.protocol import STOP_WHEN_ADAPTER
from anytime_client.protocol import rules as protocol
from anytime_server.cli import serve
from anytime_server.options import PANELS
from anytime_server.request_defaults import request_defaults

LISTED = ["serve", "ask", "models", "doctor", "eval", "calibrate", "train", "worker"]
COMMANDS = ("", *LISTED, "train brpo", "train sft")
FRAME = "│╭╰"


def help_of(command, app=None, columns=80):
    done = CliRunner().invoke(app or build(), [*command.split(), "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.stdout


def panels(text):
    """Return the first words of each panel's options, by its title."""
    found = {}
    for line in text.splitlines():
        if title := re.match(r"╭─ (.+?) ─", line):
            options = found.setdefault(title[1], [])
        elif option := re.match(r"│ (-\S+?)[ ,]", line):
            options.append(option[1])
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_longer_than_the_terminal_and_no_word_is_cut(command):
    text = help_of(command)
    assert max(map(len, text.splitlines())) == 80
    assert "…" not in text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_takes_no_value_and_a_value_is_called_by_a_word(command):
    assert not re.search(r"<(bool|int|float|str|path)\b", help_of(command))


def test_the_commands_are_listed_as_one_comes_to_need_them():
    lines = help_of("").splitlines()
    begin = next(number for number, line in enumerate(lines) if "Commands" in line)
    rows = lines[begin + 1 : next(number for number, line in enumerate(lines) if "Options" in line) - 1]
    assert [name[1] for row in rows if (name := re.match(r"│ (\w+) ", row))] == LISTED


def test_what_is_off_by_default_has_no_word_for_off():
    text = help_of("serve")
    assert "--log-prompts" in text
    assert "--no-" not in text
    assert "--no-thinking" in help_of("ask")


def test_every_option_of_serve_is_in_a_panel_that_says_what_it_is_about():
    found = panels(help_of("serve"))
    assert found.pop("Options") == ["-h"], "add the option to PANELS in anytime_server/options.py"
    assert set(found) == set(PANELS)
    assert sum(map(len, found.values())) == sum(map(len, PANELS.values()))


def test_a_paragraph_is_broken_by_the_terminal_alone():
    about = help_of("serve", columns=100).split("╭")[0]
    line = next(line for line in about.splitlines() if "API keys are set" in line)
    assert len(line.rstrip()) > 80


def test_brackets_in_a_help_are_text():
    def command(shape: str = typer.Option("x", help="as JSON: [1, 2] or [/] or {}")) -> None: ...

    app = typer.Typer(add_completion=False)
    app.command("one", cls=Command)(command)
    app.command("two")(command)
    assert "as JSON: [1, 2] or [/] or {}" in help_of("one", app)


@pytest.mark.parametrize("command", ["serve", "ask"])
def test_the_help_of_a_rule_has_all_its_forms(command):
    text = re.sub(r"[│\s]+", " ", help_of(command))
    assert f": {protocol.STOP_WHEN_FORMS} " in text
    assert f": {protocol.CHECKPOINT_FORMS} " in text
    assert all(re.search(rf"\b{name}\b", protocol.STOP_WHEN_FORMS) for name in StopWhen.model_fields)


@pytest.mark.parametrize("form", [form for form in protocol.STOP_WHEN_FORMS.split(" | ") if "," not in form])
def test_serve_takes_each_form_that_its_help_has(form):
    defaults = request_defaults(None, form, None, {})
    assert defaults.stop_when == STOP_WHEN_ADAPTER.validate_python(form)
    assert (defaults.stop_when is None) == (form == "none")


@pytest.mark.parametrize("variable", ["ANYTIME_ENGINE_ARG", "ANYTIME_ENGINE_ARGS"])
def test_a_variable_is_named_as_its_option(variable):
    done = CliRunner().invoke(build(), ["serve", "--port", "0"], env={variable: "novalue"})
    assert (done.exit_code, "takes KEY=VALUE, not 'novalue'" in done.stderr) == (2, True)


def test_each_option_has_the_variable_that_the_help_promises():
    app = typer.Typer(add_completion=False)
    app.command()(serve)
    for option in typer.main.get_command(app).params:
        if option.name != "help":
            assert f"ANYTIME_{option.opts[0].strip('-').replace('-', '_').upper()}" in option.envvar, option.name
