"""What a store counts, on /metrics."""

from anytime_server.api import create_app
from anytime_server.controller import ThinkingFormat
from anytime_server.reasoning.stores import MemoryStore
from anytime_server.reasoning.stores.counts import Counts
from fakes import MARKERS, ByteTokenizer, FakeEngine, scripted
from live import serve


class CountedStore(MemoryStore):
    """A store that others share."""

    counts = Counts(written=40, writes=7, takeovers=3, fenced=2, outages=1)
    backlog = 5


async def told(store) -> dict[str, float]:
    format = ThinkingFormat.from_markers(ByteTokenizer(), MARKERS)
    async with serve(create_app(FakeEngine(scripted("a", "b")), thinking_format=format, store=store)) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    pairs = [line.split() for line in lines if line.startswith("anytime_store_")]
    return {name.removeprefix("anytime_store_"): float(value) for name, value in pairs}


async def test_metrics_tell_what_became_of_sessions_in_their_store() -> None:
    assert await told(CountedStore()) == {
        "written_total": 40,
        "writes_total": 7,
        "takeovers_total": 3,
        "fenced_total": 2,
        "outages_total": 1,
        "backlog": 5,
    }


async def test_a_store_that_nobody_shares_has_nothing_to_tell() -> None:
    assert set((await told(MemoryStore())).values()) == {0}
