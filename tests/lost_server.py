"""A server whose engine dies for good after some tokens: `python lost_server.py PORT`."""

import sys

from anytime_server.api import ServerSettings, create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.engines import Supervised
from anytime_server.errors import EngineDied
from anytime_server.logs import LogFormat, configure
from anytime_server.run import run
from fake_server import EndlessEngine
from fakes import MARKERS, ByteTokenizer

LIFE = 2000


class Doomed(EndlessEngine):
    recovery = "process"

    async def _generate(self, request):
        async for chunk in super()._generate(request):
            if self.generated > LIFE:
                self.dead = True
                raise EngineDied("out of order")
            yield chunk


if __name__ == "__main__":
    configure(LogFormat.text, "info")
    settings = ServerSettings(port=int(sys.argv[1]), drain_s=20)
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    run(create_app(Supervised(Doomed(0.001)), None, settings, thinking_format=format), settings)
    sys.exit("the process was to end before")
