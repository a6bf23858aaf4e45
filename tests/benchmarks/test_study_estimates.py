"""The study's statistics against values worked out by hand."""

from math import sqrt

import pytest
import torch

from anytime_training.algorithm.credit import Rewarded
from study_parts.estimates import gap, mean_of_seeds, over_problems, spread_of_seeds
from study_parts.exits import decaying_exits


def test_a_cells_error_is_that_of_the_mean_over_problems():
    """Three of four right: variance (3 * .25^2 + .75^2) / 3 = .25, so .25 / 4 for the mean."""
    found = over_problems({"largest": [1, 1, 1, 0]})
    assert found == (0.75, pytest.approx(sqrt(0.25 / 4)))


def test_families_count_alike_whatever_their_size():
    """Variances 1/3 and 1/2 give 1/12 and 1/4 for the means, and a half of the root for the mean of both."""
    found = over_problems({"largest": [1, 1, 0, 0], "smallest": [1, 0]})
    assert found == (0.5, pytest.approx(sqrt(1 / 12 + 1 / 4) / 2))


def test_seeds_are_averaged_problem_by_problem():
    seeds = [{"largest": [1, 0, 1]}, {"largest": [1, 0, 0]}]
    assert mean_of_seeds(seeds) == {"largest": [1, 0, 0.5]}
    assert spread_of_seeds(seeds) == pytest.approx(sqrt(2) / 6)


def test_the_error_of_a_gap_is_paired_by_problem():
    """Arms that are right on the same problems but for one differ by 1/4 with d = 0, 0, 0, 1: sd 1/2, error 1/4."""
    ours, theirs = [{"largest": [1, 1, 0, 1]}], [{"largest": [1, 1, 0, 0]}]
    assert gap(ours, theirs) == (0.25, pytest.approx(0.25))
    assert gap(ours, ours) == (0.0, 0.0)


def test_the_spread_over_seeds_joins_the_error_of_a_gap():
    """Seeds at 1/2 and 1 have sd sqrt(1/8), 1/4 for their mean; d = 1, 1, 1/2, 1/2 has sd sqrt(1/12)."""
    ours, theirs = [{"largest": [1, 1, 0, 0]}, {"largest": [1, 1, 1, 1]}], [{"largest": [0, 0, 0, 0]}]
    assert gap(ours, theirs) == (0.75, pytest.approx(sqrt(1 / 12 / 4 + 1 / 16)))


def rewarded(right, truncation):
    return Rewarded(torch.tensor([right]).double().unsqueeze(-1), torch.tensor([truncation]), torch.ones(4) / 4)


def test_each_right_exit_halves_what_later_ones_are_worth():
    """Rewards 0, 1, 0, 1/2 lie around 3/8; thinking before an exit is credited with it and all later ones."""
    thinking, answers = decaying_exits(rewarded([[0, 1, 0, 1]], [[0, 1, 2, 3]]))
    assert answers.flatten().tolist() == pytest.approx([-3 / 32, 5 / 32, -3 / 32, 1 / 32])
    assert thinking.flatten().tolist() == pytest.approx([0, 3 / 32, -2 / 32, 1 / 32])


def test_exits_after_the_end_of_the_thinking_are_none():
    thinking, answers = decaying_exits(rewarded([[0, 1, 1, 1]], [[0, 1, 1, 1]]))
    assert answers.flatten().tolist() == pytest.approx([-1 / 4, 1 / 4, 0, 0])
    assert thinking.flatten().tolist() == pytest.approx([0, 1 / 4, 0, 0])
