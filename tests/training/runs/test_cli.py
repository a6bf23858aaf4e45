"""The commands: errors without tracebacks, and nothing heavy imported for help."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from anytime_training.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "huge"], "unknown recipe 'huge'"),
        (["--set", "optimiser.speed=1"], "'speed' is unknown here"),
        (["--resume"], "no complete checkpoint"),
    ],
)
def test_sft_errors_name_the_remedy(tmp_path, arguments, message):
    result = run("sft", "--out", tmp_path, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_mixed_with_another(tmp_path):
    (tmp_path / "checkpoints" / "checkpoint-40").mkdir(parents=True)
    result = run("sft", "--out", tmp_path)
    assert result.exit_code == 2
    assert "checkpoint-40 in" in result.output
    assert "was not written to its end; delete it and begin anew without --resume" in result.output


def test_an_output_folder_that_can_not_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    result = run("sft", "--out", tmp_path / "file" / "model")
    assert result.exit_code == 2
    assert "can't be written" in result.output


def test_the_command_line_imports_neither_torch_nor_trl():
    script = "import sys, anytime_training.cli; print({'torch', 'trl', 'transformers', 'datasets'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"
