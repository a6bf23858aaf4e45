"""A run in which no answer earns anything says so, once."""

import json
from types import SimpleNamespace

from anytime_training.rewards.pool import Counts
from anytime_training.rewards.watch import PATIENCE, RewardWatch
from anytime_training.runs import progress
from anytime_training.runs.progress import Progress, line


def said(*rewards, **metrics):
    watch = RewardWatch()
    return [index for index, reward in enumerate(rewards, 1) if watch.observe({"anytime_reward": reward, **metrics})]


def test_a_row_of_zeros_is_told_once():
    assert said(*[0.0] * (3 * PATIENCE)) == [PATIENCE]


def test_a_single_reward_starts_the_count_again():
    assert said(*[0.0] * (PATIENCE - 1), 0.01, *[0.0] * (PATIENCE - 1)) == []
    assert said(*[0.0] * PATIENCE, 0.01, *[0.0] * PATIENCE) == [PATIENCE, 2 * PATIENCE + 1]


def test_steps_without_rewards_do_not_count():
    assert said(*[None] * 20) == []


def test_the_warning_counts_lost_verifications():
    watch = RewardWatch()
    metrics = {"anytime_reward": 0.0, "verifier/timed_out": 7, "verifier/failed": 0}
    *_, warning = [watch.observe(metrics) for _ in range(PATIENCE)]
    assert warning.endswith("verifications of the last step: 7 timed out")
    assert "data.answer_in" in warning


def test_the_warning_is_a_line_of_the_run(tmp_path, capsys):
    run = Progress(tmp_path, Counts(), bar=False)
    state = SimpleNamespace(is_world_process_zero=True, global_step=0, max_steps=9, num_input_tokens_seen=0)
    run.on_train_begin(None, state, None)
    for step in range(1, PATIENCE + 2):
        state.global_step = step
        run.on_log(None, state, None, logs={"anytime_reward": 0.0})
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("warning: every reward has been 0 for 5 steps") for line in lines].count(True) == 1
    assert len(lines) == PATIENCE + 2


def test_the_time_of_an_evaluation_is_no_part_of_the_step_after_it(tmp_path, monkeypatch):
    clock = iter([100.0, 110.0, 175.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    run = Progress(tmp_path, Counts(), bar=False)
    state = SimpleNamespace(is_world_process_zero=True, global_step=1, max_steps=9, num_input_tokens_seen=0)
    run.on_train_begin(None, state, None)
    run.on_log(None, state, None, logs={"loss": 0.5, "num_tokens": 1000})
    run.on_log(None, state, None, logs={"eval_loss": 0.5, "eval_runtime": 60.0})
    run.on_log(None, state, None, logs={"loss": 0.5, "num_tokens": 1500})
    first, _, second = [json.loads(line) for line in (tmp_path / progress.METRICS).read_text().splitlines()]
    assert (first["seconds"], first["tokens_per_second"]) == (10.0, 100.0)
    assert (second["seconds"], second["tokens_per_second"]) == (5.0, 100.0)


def test_lost_verifications_are_those_of_all_processes(tmp_path, monkeypatch, capsys):
    """As one of two processes sees it, of which the other lost two."""
    other = {"verified": 5, "timed_out": 0, "crashed": 0, "failed": 2}
    monkeypatch.setattr(progress, "PartialState", lambda: SimpleNamespace(num_processes=2))
    monkeypatch.setattr(progress, "gather_object", lambda own: [*own, other])
    counts = Counts()
    run = Progress(tmp_path, counts, bar=False)
    state = SimpleNamespace(is_world_process_zero=True, global_step=1, max_steps=9, num_input_tokens_seen=0)
    run.on_train_begin(None, state, None)
    counts.failed += 1
    run.on_log(None, state, None, logs={"anytime_reward": 0.5})
    assert capsys.readouterr().out == "step 1/9  reward 0.500  failed 3\n"


def test_lost_verifications_stand_in_the_line_of_a_step():
    metrics = {"step": 3, "anytime_reward": 0.5, "verifier/verified": 90}
    assert line(metrics, 9) == "step 3/9  reward 0.500"
    lost = {"verifier/failed": 4, "verifier/timed_out": 2, "verifier/crashed": 1}
    assert line(metrics | lost, 9) == "step 3/9  reward 0.500  failed 7"
