"""Dynamic sampling without a trainer: what teaches nothing gives way to fresh prompts, on any number of processes."""

from collections import Counter
from threading import Barrier, Thread

import pytest
import torch

from anytime_training.algorithm.credit import Rewarded
from anytime_training.brpo.judge import Judged
from anytime_training.brpo.resampling import Processes, Resampler
from anytime_training.rollouts.collector import Rollouts

GROUP = 4
PROBLEMS = [{"prompt": f"problem {index}", "level": "hard" if index % 3 else "mixed"} for index in range(40)]


class World:
    """Processes as threads that meet in `gather`; each row's rollout is a text that names it."""

    def __init__(self, count):
        self.count, self.barrier, self.slots = count, Barrier(count), [None] * count
        self.asked = [[] for _ in range(count)]

    def gather(self, index, values):
        self.slots[index] = list(values)
        self.barrier.wait()
        everything = [value for slot in self.slots for value in slot]
        self.barrier.wait()
        return everything

    def judge(self, index):
        def judged(inputs):
            self.asked[index].append([row["prompt"] for row in inputs])
            everyone = self.gather(index, inputs)
            rewards = [float(row["level"] == "mixed" and place % 2) for place, row in enumerate(everyone)]
            rewards_BGSA = torch.tensor(rewards, dtype=torch.float64).view(-1, GROUP, 1, 1)
            truncation_BGS = torch.zeros(rewards_BGSA.shape[:3], dtype=torch.long)
            rollouts = Rollouts([f"rollout of {row['prompt']}" for row in inputs], 1.0, 2.0)
            return Judged(inputs, rollouts, Rewarded(rewards_BGSA, truncation_BGS, torch.ones(1)), 3.0)

        return judged

    def run(self, batch, times=3, problems=PROBLEMS, key="0"):
        """What each process has after resampling a batch of problems."""
        rows = [problems[index] for index in batch for _ in range(GROUP)]
        size, results = len(rows) // self.count, [None] * self.count

        def process(index):
            processes = Processes(index, self.count, lambda values: self.gather(index, values))
            judge = self.judge(index)
            judged = judge(rows[index * size :][:size])
            self.asked[index].clear()
            results[index] = Resampler(problems, GROUP, times, 7, processes)(judged, judge, key)

        threads = [Thread(target=process, args=(index,)) for index in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert all(results), "a process failed or waits for another"
        return results


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_equal_groups_are_replaced_and_the_others_keep_their_places(count):
    world = World(count)
    results = world.run([0, 1, 3, 4], times=12)  # the second and the fourth are hard
    rows = [row for judged, _ in results for row in judged.inputs]
    assert [row["prompt"] for row in rows[:GROUP]] == ["problem 0"] * GROUP
    assert [row["prompt"] for row in rows[2 * GROUP : 3 * GROUP]] == ["problem 3"] * GROUP
    assert all(row["level"] == "mixed" for row in rows)
    assert set(Counter(row["prompt"] for row in rows).values()) == {GROUP}
    for judged, replaced in results:
        assert replaced == 2
        assert not judged.rewarded.equal_B.any()
        assert judged.rollouts.rows == [f"rollout of {row['prompt']}" for row in judged.inputs]
        assert torch.equal(judged.rewarded.rewards_BGSA, results[0][0].rewarded.rewards_BGSA)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_only_what_is_missing_is_rolled_out_and_evenly(count):
    world = World(count)
    world.run([0, 1, 3, 6], times=1)
    for asked in world.asked:
        (prompts,) = asked
        assert len(prompts) == max(GROUP, count) // count  # one group, or the least that 8 processes can share


def test_a_batch_that_differs_needs_no_fresh_prompts():
    world = World(1)
    ((judged, replaced),) = world.run([0, 3])
    assert (replaced, world.asked) == (0, [[]])
    assert judged.rollouts.thinking_s == 1.0


def test_rounds_are_bounded_and_their_time_counts():
    world, hard = World(1), [{**row, "level": "hard"} for row in PROBLEMS]
    ((judged, replaced),) = world.run([1, 2], times=3, problems=hard)
    assert replaced == 0
    assert [row["prompt"] for row in judged.inputs] == ["problem 1"] * GROUP + ["problem 2"] * GROUP
    asked = [prompt for prompts in world.asked[0] for prompt in prompts]
    assert len(world.asked[0]) == 3
    assert set(Counter(asked).values()) == {GROUP}, "each round has prompts of its own"
    assert not set(asked) & {"problem 1", "problem 2"}
    assert (judged.rollouts.thinking_s, judged.rollouts.answers_s, judged.rewards_s) == (4.0, 8.0, 12.0)


def test_a_data_set_without_fresh_prompts_leaves_the_batch_as_it_is():
    world = World(1)
    ((judged, replaced),) = world.run([0, 1], problems=PROBLEMS[:2])
    assert (replaced, world.asked) == (0, [[]])
    assert judged.rewarded.equal_B.tolist() == [False, True]


def test_the_same_batch_draws_the_same_prompts_and_another_one_others():
    drawn = {}
    for key in ("3", "3 again", "4"):
        world = World(1)
        world.run([1, 2], key=key[0])
        drawn[key] = world.asked
    assert drawn["3"] == drawn["3 again"] != drawn["4"]
