"""What can be told here of a machine with another system."""

import subprocess
import sys

ELSEWHERE = """
import os, signal, socket, sys
for module in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
    sys.modules[module] = None
for name in ("killpg", "setsid", "sysconf", "nice", "fork", "getuid", "EX_SOFTWARE"):
    delattr(os, name)
del signal.SIGKILL, signal.SIGHUP
import anytime_client._public, anytime_client.cli.asking
from anytime_client.cli import build
build()
import anytime_server.run, anytime_server.serving, anytime_server.worker.run, anytime_server.doctor.checks
from anytime_server.engines.choice import EMBEDDED, create_engine
create_engine("transformers", EMBEDDED)
"""


def test_the_command_and_the_server_are_imported_without_what_only_unix_has():
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
