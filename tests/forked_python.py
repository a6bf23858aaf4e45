"""An interpreter that is forked out of one with the imports of the suite behind it: what a process of `pytest -n` is.

    forked_python.py FOLDER -u -c SOURCE

This process stands for it: it ends as the fork does, and hands Ctrl-C on.
"""

import signal
import sys
from pathlib import Path

from forks import Forks


def main(folder: Path, source: str) -> int:
    """Run the source, and return what it ends with."""
    forks = Forks(folder, "suite")
    forked = forks.fork(["-c", source], 1, 2, source=0)
    signal.signal(signal.SIGINT, lambda *_: forked.send_signal(signal.SIGINT))
    code = forked.wait()
    forks.close()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[-1]))
