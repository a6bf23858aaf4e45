import shutil
import subprocess
from pathlib import Path

MAKEFILE = Path(__file__).parents[2] / "Makefile"
PYTHON = """#!/bin/sh
[ "$2" = venv ] || exit 0
mkdir -p "$3/bin" && echo half > "$3/bin/python"
[ -e ensurepip ] && echo whole > "$3/bin/python"
"""
"""A Python whose venv module leaves half an environment where there is no ensurepip."""


def make(folder):
    done = subprocess.run(["make", ".venv/bin/python", "PYTHON=./python"], cwd=folder, capture_output=True, check=False)
    return done.returncode


def test_an_environment_that_could_not_be_made_is_made_the_next_time(tmp_path):
    shutil.copy(MAKEFILE, tmp_path)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    assert make(tmp_path) != 0
    (tmp_path / "ensurepip").touch()
    assert make(tmp_path) == 0
    assert (tmp_path / ".venv/bin/python").read_text() == "whole\n"
