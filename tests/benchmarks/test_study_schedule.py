"""The study's processes: their order, what is not run again, and what is refused."""

import json

import pytest

from study_parts import schedule, search
from study_parts.arms import ARMS, GROUPS, WARM_UP, chosen
from study_parts.problems import TASKS
from study_parts.schedule import Desk, RunError
from study_parts.training import Order, digest

TASK = TASKS["selection"]
BEST = 5e-5


def document(order, warm_up, accuracy):
    right = {str(at): "f" * round(10 * accuracy) + "0" * (10 - round(10 * accuracy)) for at in TASK.measured_at}
    family = {"problems": 40, "right": right, "length": 50.0, "none": {}, "differ": {}, "manner": {}, "samples": []}
    measured = {at: {name: family for name in TASK.families} for at in ("1.0", "0.6")}
    return {
        **order.identity, "warm_up": warm_up, "steps": order.steps, "train_seconds": 10, "train_cpu_seconds": 9,
        "peak_rss_mb": 1, "log": [], "measured": measured, "measure_seconds": 1,
    }  # fmt: skip


@pytest.fixture
def started(monkeypatch):
    """The orders that were given to a process, each of which leaves a made-up result."""
    orders = []

    def process(desk, order, out):
        orders.append(order)
        out.mkdir(parents=True, exist_ok=True)
        accuracy = 0.8 if order.learning_rate == BEST else 0.5
        (out / "run.json").write_text(json.dumps(document(order, digest(desk.warm_up), accuracy)))

    monkeypatch.setattr(Desk, "_process", process)
    return orders


@pytest.fixture
def desk(tmp_path):
    warm_up = tmp_path / "warm-up-model"
    warm_up.mkdir()
    (warm_up / "model.safetensors").write_bytes(b"weights")
    return Desk("selection", warm_up, tmp_path / "work", jobs=1)


def test_the_search_walks_to_a_rate_with_both_neighbours_measured():
    accuracy = {5e-5: 0.7, 2.5e-5: 0.69, 1e-4: 0.65, 2e-4: 0.6}
    assert list(search.walk(accuracy.__getitem__)) == [1e-4, 2e-4, 5e-5, 2.5e-5]


def test_the_search_ends_at_an_end_of_the_ladder():
    assert list(search.walk(lambda rate: rate)) == [1e-4, 2e-4, 4e-4, 8e-4]
    assert list(search.walk(lambda rate: -rate)) == [1e-4, 2e-4, 5e-5, 2.5e-5, 1.25e-5]


def test_the_best_rate_is_the_smaller_one_of_a_tie():
    assert search.best({2e-4: 0.7, 1e-4: 0.7, 4e-4: 0.6}) == 1e-4


def test_every_arm_is_searched_alike_on_a_seed_of_its_own(desk, started):
    desk.search(chosen(["main"]), steps=40)
    assert {order.seed for order in started} == {search.SEED}
    walks = {arm.name: [order.learning_rate for order in started if order.arm == arm.name] for arm in GROUPS["main"]}
    assert set(map(tuple, walks.values())) == {(1e-4, 2e-4, 5e-5, 2.5e-5)}


def test_all_arms_have_a_seed_before_any_has_the_next(desk, started):
    desk.search(chosen(["main"]), steps=40)
    started.clear()
    desk.run(chosen(["main"]), seeds=[0, 1], steps=100)
    main = [arm.name for arm in GROUPS["main"]]
    assert [order.arm for order in started] == [WARM_UP, *main, *main]
    assert [order.seed for order in started] == [0, *[0] * len(main), *[1] * len(main)]
    assert {order.learning_rate for order in started[1:]} == {BEST}


def test_a_rate_that_is_given_needs_no_search(desk, started):
    desk.run(chosen(["grpo"]), seeds=[0], steps=100, given={"grpo": 3e-4})
    assert [order.learning_rate for order in started[1:]] == [3e-4]


def test_what_has_a_result_is_not_run_again(desk, started):
    desk.search(chosen(["grpo"]), steps=40)
    desk.run(chosen(["grpo"]), seeds=[0], steps=100)
    count = len(started)
    desk.search(chosen(["grpo"]), steps=40)
    desk.run(chosen(["grpo"]), seeds=[0, 1], steps=100)
    assert [order.name for order in started[count:]] == ["grpo-1"]


def test_grpo_of_equal_time_takes_the_time_and_the_rate_from_other_arms(desk, started):
    desk.search(chosen(["grpo", "brpo-uniform", "grpo-time"]), steps=40)
    desk.run(chosen(["grpo-time", "brpo-uniform"]), seeds=[2], steps=100)
    timed = started[-1]
    assert (timed.name, timed.cpu_seconds, timed.learning_rate) == ("grpo-time-2", 9, BEST)
    assert not any(order.arm == "grpo-time" for order in started[:-1])


def test_grpo_of_equal_time_needs_the_run_that_it_lasts_as_long_as(desk, started):
    desk.search(chosen(["grpo"]), steps=40)
    with pytest.raises(SystemExit, match="grpo-time-0 lasts as long as brpo-uniform-0, which has no result"):
        desk.run(chosen(["grpo-time"]), seeds=[0], steps=100)


def test_an_arm_without_a_finished_search_is_refused(desk, started):
    desk.search(chosen(["grpo"]), steps=40)
    with pytest.raises(SystemExit, match="no search of brpo-linear"):
        desk.run(chosen(["grpo", "brpo-linear"]), seeds=[0], steps=100)


def test_a_result_of_other_steps_or_another_warm_up_is_refused(desk, started):
    order = Order("grpo-0", "selection", "grpo", 0, 1e-4, 100)
    desk.result(order)
    with pytest.raises(RunError, match="planned_steps is 100, not 50"):
        desk.result(Order("grpo-0", "selection", "grpo", 0, 1e-4, 50))
    (desk.warm_up / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(RunError, match="warm_up is"):
        desk.result(order)


def test_a_run_that_fails_is_named_when_the_others_are_done(desk, started, monkeypatch):
    desk.search(chosen(["grpo", "grpo-a4"]), steps=40)
    works = Desk._process

    def process(self, order, out):
        if order.arm == "grpo":
            raise RunError(f"{order.name} failed")
        works(self, order, out)

    monkeypatch.setattr(schedule.Desk, "_process", process)
    with pytest.raises(SystemExit, match="grpo-0 failed"):
        desk.run(chosen(["grpo", "grpo-a4"]), seeds=[0], steps=100)
    assert started[-1].name == "grpo-a4-0"


def test_names_of_arms_and_groups_are_chosen_once_in_the_studys_order():
    assert [arm.name for arm in chosen(["grpo-time", "main", "grpo"])] == [
        *[arm.name for arm in GROUPS["main"]],
        "grpo-time",
    ]


def test_grpo_trains_one_answer_at_the_largest_budget():
    assert ARMS["grpo"].settings((30, 60, 90, 120)) == {
        "budgets": [120], "interim_samples": 1, "prior": "base", "variance_reduction": "v2", "train_answers": "last",
            "answer_weight": 1.0,
    }  # fmt: skip
    assert ARMS["elastic"].settings((30, 60, 90, 120))["budgets"] == [60]
