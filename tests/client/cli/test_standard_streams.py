"""Standard streams that are closed, full or left: one line or none, an exit code, and no traceback."""

import io
import os
import subprocess
import sys

import pytest

from anytime_client.cli.standard_streams import standard_streams
from client.cli.conftest import COMMAND

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")


@pytest.fixture(params=[True, False], ids=["unbuffered", "buffered"])
def full(request):
    """A file on a full disk, as the interpreter opens its standard streams: buffered or not."""
    with open("/dev/full", "wb", buffering=0 if request.param else -1) as file:
        text = io.TextIOWrapper(file, write_through=request.param)
        yield text
        text.detach()


def ends(write):
    """Return the exit code of a command that writes."""
    with pytest.raises(SystemExit) as ended, standard_streams():
        write()
        sys.exit(0)
    return ended.value.code


def test_a_full_disk_is_told_in_one_line(full, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", full)
    assert ends(lambda: print("answer")) == 1
    assert capsys.readouterr().err == "anytime: can't write to the standard output: No space left on device\n"


def test_a_reader_that_has_left_is_told_nothing(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as left:
        monkeypatch.setattr(sys, "stdout", left)
        assert ends(lambda: print("answer")) == 1
    assert capsys.readouterr().err == ""


def test_what_can_not_be_told_on_the_standard_error_is_left_out(full, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", full)
    assert ends(lambda: print("progress", file=sys.stderr) or print("answer")) == 0
    assert capsys.readouterr().out == "answer\n"


def test_other_errors_are_none_of_the_outputs():
    with pytest.raises(FileNotFoundError), standard_streams():
        os.stat("/nowhere/at/all")


@pytest.mark.parametrize(
    ("shell", "code", "told"),
    [
        ('"$@" --version >&-', 1, "anytime: can't write to the standard output: Bad file descriptor\n"),
        ('"$@" --version >/dev/full', 1, "anytime: can't write to the standard output: No space left on device\n"),
        ('"$@" --version 2>&-', 0, "anytime 0"),
        ('"$@" ask <&- 2>&1 >&-', 2, "Usage: "),
        ('"$@" ask --nope 2>/dev/full', 2, ""),
    ],
)
def test_the_command_ends_as_others_do(shell, code, told):
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout.startswith(told)
    assert "Traceback" not in done.stdout
