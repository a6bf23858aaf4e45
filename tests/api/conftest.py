import pytest

from anytime_server.api import ServerSettings, create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.http_protocol import BoundedHttpProtocol
from anytime_server.reasoning import ReasonSettings
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import serve

THINKING = "a=1; b=2; c=3; d=4; done"
ANSWER = "There are 4.\nAnswer: 4"


@pytest.fixture(scope="session")
def served():
    """Serve a fake engine; use as `async with served(...) as (client, engine)`."""

    class Served:
        def __init__(
            self,
            thinking=THINKING,
            answer=ANSWER,
            *,
            max_model_len=4096,
            pause_s=0.0,
            app=None,
            tracing=None,
            http=BoundedHttpProtocol,
            **settings,
        ):
            self.engine = FakeEngine(scripted(thinking, answer), max_model_len, pause_s)
            format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
            self.app = create_app(
                self.engine,
                ReasonSettings(**settings),
                ServerSettings(**{"drain_s": 1, **(app or {})}),
                thinking_format=format,
                tracing=tracing,
            )
            self._live = serve(self.app, http)

        async def __aenter__(self):
            return await self._live.__aenter__(), self.engine

        async def __aexit__(self, *exc):
            await self._live.__aexit__(*exc)

    return Served
