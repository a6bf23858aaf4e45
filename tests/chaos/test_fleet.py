"""A whole scenario at small scale: real processes that are killed in the middle, beside an undisturbed twin."""

from pathlib import Path

import pytest

from chaos_parts.compare import equal_sessions, findings
from chaos_parts.generate import Sizes, generate
from chaos_parts.run import run
from chaos_parts.scenario import FleetPlan
from chaos_parts.twin import twin_of
from forks import Forks

LIMIT_S = 240.0


async def outcome(fleet: FleetPlan, sizes: Sizes, folder: Path, seed: int, forks: Forks) -> tuple[list[str], int]:
    """Return what is wrong with a run of a seed's scenario, and how many sessions are equal to their twins."""
    for name in ("disturbed", "twin"):
        (folder / name).mkdir()
    scenario = generate(seed, fleet, sizes)
    (folder / "scenario.json").write_text(scenario.to_json())
    disturbed = await run(scenario, folder / "disturbed", LIMIT_S, launch=forks.launch)
    twin = await run(twin_of(scenario, disturbed.transcripts), folder / "twin", LIMIT_S, launch=forks.launch)
    return findings(scenario, disturbed, twin), equal_sessions(disturbed, twin)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_connections_to_one_server_that_are_cut_change_nothing(tmp_path: Path, forks: Forks) -> None:
    sizes = Sizes(sessions=6, budget=90, cut_share=1.0)
    assert await outcome(FleetPlan(), sizes, tmp_path, 3, forks) == ([], 6)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_sessions_outlive_an_engine_two_servers_and_redis_with_every_token_as_it_would_have_been(
    tmp_path: Path, forks: Forks
) -> None:
    fleet = FleetPlan(servers=2, workers=2, redis=True)
    sizes = Sizes(sessions=10, budget=240, engine_kills=1, server_kills=1, redis_kills=1, stops=1)
    assert await outcome(fleet, sizes, tmp_path, 1, forks) == ([], 10)
