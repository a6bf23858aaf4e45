"""The server's process around a fake engine, which thinks as long as it may: `python fake_server.py PORT`."""

import sys

from anytime_server.api import ServerSettings, create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.logs import LogFormat, configure
from anytime_server.run import run
from fakes import EOS, MARKERS, SPECIAL, ByteTokenizer, FakeEngine


class EndlessEngine(FakeEngine):
    """Thinks the same letter on and on, at the same cost for each token, and answers in one."""

    def __init__(self, pause_s: float = 0.002) -> None:
        super().__init__(self._next, max_model_len=2**20, pause_s=pause_s)

    @staticmethod
    def _next(ids, seed):
        if SPECIAL["</think>"] not in ids[-40:]:
            return [ord("x")]
        return [EOS] if ids[-1] == ord("4") else [ord("4")]

    def _remember(self, ids):
        """Have no prefix cache: it would grow with the square of what is thought."""


def endless_app(pause_s: float = 0.002, **server: float):
    """Return the app, and its engine."""
    engine = EndlessEngine(pause_s)
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    return create_app(engine, None, ServerSettings(**server), thinking_format=format), engine


if __name__ == "__main__":
    configure(LogFormat.text, "info")
    run(endless_app()[0], ServerSettings(port=int(sys.argv[1]), drain_s=60))
