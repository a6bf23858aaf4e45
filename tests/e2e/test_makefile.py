"""What `make` does before anything is installed, with an interpreter that installs nothing."""

import importlib.util
import io
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = ROOT / "Makefile"
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


def load_installer():
    spec = importlib.util.spec_from_file_location("install", ROOT / "requirements" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


install = load_installer()
CPU = ["--extra-index-url", install.CPU_INDEX]


@pytest.mark.parametrize(
    ("arguments", "platform", "environment", "gpu", "reachable", "told"),
    [
        ([], "linux", {}, False, True, CPU),
        (["-c", "constraints.txt", "-e", ".[server]"], "linux", {"PIP_INDEX_URL": "https://mirror"}, False, True, CPU),
        ([], "linux", {}, True, True, []),
        ([], "linux", {}, False, False, []),
        ([], "darwin", {}, False, True, []),
        ([], "win32", {}, False, True, []),
        (["--index-url", "https://mirror"], "linux", {}, False, True, []),
        (["--extra-index-url=https://mirror"], "linux", {}, False, True, []),
        (["--find-links", "wheels"], "linux", {}, False, True, []),
        (["--no-index"], "linux", {}, False, True, []),
        ([], "linux", {"PIP_NO_INDEX": "1"}, False, True, []),
    ],
)
def test_torch_for_the_cpu_is_taken_where_no_gpu_wants_another_and_nobody_says_otherwise(
    arguments, platform, environment, gpu, reachable, told
):
    asked = []

    def reach(index):
        asked.append(index)
        return reachable

    assert install.index_arguments(arguments, platform, environment, lambda: gpu, reach) == told
    assert bool(asked) == (platform == "linux" and not gpu and (told == CPU or not reachable))


def test_an_index_that_is_nowhere_is_not_reached():
    assert install.can_reach("http://127.0.0.1:9") is False


PIP_SAYS = """\
Obtaining file:///anytime
Collecting torch==2.13.0 (from anytime-reasoning==0.1.0)
  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (29 kB)
Requirement already satisfied: pip in ./lib
Collecting idna
  Downloading idna-3.10-py3-none-any.whl (70 kB)
Downloading https://mirror/torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (191.3 MB)
Using cached transformers-5.17.0-py3-none-any.whl (11.9 MB)
Installing collected packages: mpmath, idna, torch
Successfully installed idna-3.10 mpmath-1.3.0 torch-2.13.0+cpu
"""


def test_what_pip_is_at_is_told_in_a_few_lines():
    assert list(install.steps(PIP_SAYS.splitlines())) == [
        "finding out which versions go together",
        "fetching torch 2.13.0+cpu, 191.3 MB",
        "fetching transformers 5.17.0, 11.9 MB",
        "unpacking 3 packages",
        "installed 3 packages",
    ]


def test_a_terminal_is_told_how_long_each_step_took_and_a_file_each_step_once():
    class Screen(io.StringIO):
        def isatty(self):
            return True

    for out, told in ((Screen(), "  one\r  one (0 s)\n  two\r  two (0 s)\n"), (io.StringIO(), "  one\n  two\n")):
        with install.Clock(out) as clock:
            clock.step("one")
            clock.step("two")
        assert out.getvalue() == told


def test_make_tells_what_it_installs_and_passes_on_what_pip_is_to_be_told(tmp_path):
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "ran $@"\n')
    python.chmod(0o755)
    command = ["make", "--no-print-directory", ".venv/.serve", "PYTHON=false", "PIP_ARGS=--index-url https://mirror"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second, *_ = done.stdout.splitlines()
    assert "1 to 3 minutes" in first
    assert second == (
        "ran requirements/install.py --index-url https://mirror -c requirements/constraints.txt -e .[server]"
    )


def test_a_failure_of_pip_is_a_failure_of_make(monkeypatch, capfd):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert install.main(["--find-links", "/nowhere", "no-such-package-anywhere"]) != 0
    assert "no-such-package-anywhere" in capfd.readouterr().err
