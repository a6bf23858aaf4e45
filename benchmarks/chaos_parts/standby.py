"""A process that has all its imports behind it and waits to be told what to be: an `anytime` that starts in no time.

On a fleet the work of a start is done on a machine that serves nobody yet. So it is done before the run here. Run as a
script it is that process: it reads one line, the arguments and the log, and becomes `anytime` with them.
"""

import gc
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

IMPORTS = (
    "transformers:AutoConfig",
    "transformers:AutoTokenizer",
    "transformers:AutoModelForCausalLM",
    "transformers:GenerationConfig",
    "transformers:PreTrainedModel",
    "transformers.models.qwen3.modeling_qwen3",
    "anytime_server.serving",
    "anytime_server.run",
    "anytime_server.worker.run",
    "anytime_server.worker.app",
    "anytime_server.engines.hf_tokenizer",
    "anytime_server.engines.remote.engine",
    "anytime_server.engines.transformers.manager",
    "anytime_server.engines.transformers.rows",
    "anytime_server.reasoning.stores.redis.store",
)
"""What a server or a worker of the embedded model imports; of transformers also what it imports when it is asked."""


class Standby:
    """A process that waits, and is given away once."""

    def __init__(self, environment: Mapping[str, str], folder: Path, imports: Sequence[str] = IMPORTS) -> None:
        """Start it; it writes to a log in `folder` until it is told another."""
        with (folder / "standby.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).resolve()), *imports],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                start_new_session=True,
            )

    def ready(self) -> None:
        """Wait until its imports are done.

        Raises:
            RuntimeError: if it has ended instead.
        """
        assert self._popen.stdout is not None
        if not self._popen.stdout.readline():
            raise RuntimeError("a process on standby has ended; standby.log says why")

    def become(self, arguments: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        """Let it be `anytime` with these arguments, and return its process."""
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._popen.stdin.write(json.dumps({"arguments": list(arguments), "log": str(log)}).encode() + b"\n")
        self._popen.stdin.close()
        self._popen.stdout.close()
        return self._popen

    def kill(self) -> None:
        """End it, unused."""
        self._popen.kill()
        self._popen.wait()


def warm_up(imports: Sequence[str] = IMPORTS) -> None:
    """Import modules, and what they hold. The collector would find no garbage in it, and doesn't look."""
    gc.disable()
    for name in imports:
        pkgutil.resolve_name(name)
    gc.enable()


def main() -> None:
    """Import everything, say so, wait for the line, and become what it says."""
    warm_up(sys.argv[1:])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        return
    wanted = json.loads(line)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(file, number)
    from anytime_client.cli import main as anytime

    sys.argv = ["anytime", *wanted["arguments"]]
    sys.exit(anytime())


if __name__ == "__main__":
    main()
