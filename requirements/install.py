"""Runs `pip install`, and tells what it is at in a few lines: python requirements/install.py [what pip takes]...

On Linux without an NVIDIA GPU torch comes from PyTorch's index of CPU builds if that can be reached: the builds of
PyPI bring several GB of CUDA libraries. An index among the arguments, or PIP_NO_INDEX, leaves it all to that. Only the
standard library is here: it runs before anything is installed.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from shutil import which
from threading import Event, Thread
from typing import TextIO

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
REACH_S = 5
INDEX_OPTIONS = ("-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links", "--no-index")
NVIDIA = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/nvidia-smi")
"""What is there where Linux, or Windows below it, has a driver for an NVIDIA GPU."""

LARGE_MB = 5.0
DOWNLOAD = re.compile(r"\s*(?:Downloading|Using cached) (?:\S*/)?([A-Za-z0-9_.]+)-([^-\s]+)-\S+ \(([\d.]+) ([kMG])B\)")
IN_MB = {"k": 0.001, "M": 1.0, "G": 1000.0}


def has_nvidia_gpu() -> bool:
    """Whether CUDA builds are of use here."""
    return which("nvidia-smi") is not None or any(Path(path).exists() for path in NVIDIA)


def can_reach(index: str) -> bool:
    """Whether an index answers; pip would try one that does not again and again, for each package."""
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{index}/torch/", method="HEAD"), timeout=REACH_S):
            return True
    except OSError:
        return False


def index_arguments(
    arguments: Sequence[str],
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    has_gpu: Callable[[], bool] = has_nvidia_gpu,
    reach: Callable[[str], bool] = can_reach,
) -> list[str]:
    """Return what pip is told beside its arguments, about where torch comes from."""
    named = any(re.split(r"=", argument)[0] in INDEX_OPTIONS for argument in arguments)
    if platform != "linux" or named or "PIP_NO_INDEX" in environment or has_gpu():
        return []
    return ["--extra-index-url", CPU_INDEX] if reach(CPU_INDEX) else []


def steps(lines: Iterable[str]) -> Iterable[str]:
    """Yield what pip is at, from what it prints; it prints several lines a package."""
    collecting = False
    for line in lines:
        if line.startswith("Collecting ") and not collecting:
            collecting = True
            yield "finding out which versions go together"
        elif (found := DOWNLOAD.match(line)) and float(found[3]) * IN_MB[found[4]] >= LARGE_MB:
            yield f"fetching {found[1]} {found[2]}, {found[3]} {found[4]}B"
        elif line.startswith("Installing collected packages: "):
            yield f"unpacking {line.count(',') + 1} packages"
        elif line.startswith("Successfully installed "):
            yield f"installed {len(line.split()) - 2} packages"


class Clock:
    """Prints each step on a line; a terminal also shows how long the newest has been going on."""

    def __init__(self, out: TextIO) -> None:
        """Print to `out`."""
        self._out = out
        self._step = ""
        self._begun = time.monotonic()
        self._done = Event()
        self._ticking = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Clock":
        """Begin."""
        if self._out.isatty():
            self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the last line."""
        self._done.set()
        if self._ticking.is_alive():
            self._ticking.join()
        self.step("")

    def step(self, text: str) -> None:
        """Print a step, after how long the one before took."""
        if not self._out.isatty():
            self._out.write(f"  {text}\n" if text else "")
        else:
            self._out.write(f"{self._shown()}\n" if self._step else "")
            self._out.write(f"  {text}" if text else "")
        self._step, self._begun = text, time.monotonic()
        self._out.flush()

    def _shown(self) -> str:
        return f"\r  {self._step} ({time.monotonic() - self._begun:.0f} s)"

    def _tick(self) -> None:
        while not self._done.wait(1):
            if self._step:
                self._out.write(self._shown())
                self._out.flush()


def main(arguments: Sequence[str]) -> int:
    """Install, and return pip's exit code."""
    index = index_arguments(arguments)
    if index:
        print(f"  no NVIDIA GPU here: torch comes from {CPU_INDEX}")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *index, *arguments]
    with (
        subprocess.Popen(pip, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process,
        Clock(sys.stdout) as clock,
    ):
        assert process.stdout is not None
        for step in steps(process.stdout):
            clock.step(step)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
