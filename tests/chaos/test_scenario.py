import pytest

from chaos_parts.generate import Sizes, generate, planned_tokens
from chaos_parts.scenario import FleetPlan, Scenario

SIZES = Sizes(sessions=16, budget=240, engine_kills=2, server_kills=1, redis_kills=1, stops=1)


def test_a_scenario_is_what_its_seed_makes_it_and_a_file_replays_it() -> None:
    scenario = generate(7, FleetPlan(servers=2, workers=2, redis=True), SIZES)
    assert scenario == generate(7, FleetPlan(servers=2, workers=2, redis=True), SIZES)
    assert scenario != generate(8, FleetPlan(servers=2, workers=2, redis=True), SIZES)
    assert Scenario.from_json(scenario.to_json()) == scenario


@pytest.mark.parametrize("seed", range(20))
def test_half_of_the_sessions_are_cut_and_faults_come_while_sessions_run(seed: int) -> None:
    scenario = generate(seed, FleetPlan(servers=2, workers=2, redis=True), SIZES)
    assert sum(bool(session.cuts) for session in scenario.sessions) == 8
    assert sorted(fault.kind for fault in scenario.faults) == [
        "kill_engine",
        "kill_engine",
        "kill_redis",
        "kill_server",
        "stop_server",
    ]
    assert min(fault.after for fault in scenario.faults) > 0
    assert max(fault.after for fault in scenario.faults) < sum(planned_tokens(each) for each in scenario.sessions)


def test_structured_answers_are_asked_of_vllm_alone() -> None:
    def kinds(engine: str) -> set[str]:
        return {each.kind for each in generate(1, FleetPlan(engine=engine), SIZES).sessions}

    assert kinds("vllm") - kinds("transformers") == {"structured"}
