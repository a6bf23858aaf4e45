"""What a process frees stays its own: measured by the pages that the kernel has to give it."""

import subprocess
import sys

import pytest

from anytime_training.runs.allocator import keep_freed_memory

SCRIPT = """
import resource, sys
from anytime_training.runs.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(2**27)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no mallopt")
def test_what_is_freed_is_not_asked_for_again():
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", SCRIPT, word], check=True, capture_output=True, text=True).stdout)
        for word in ("keep", "")
    )
    assert 10 * kept < given_back


def test_another_system_is_told_of(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
