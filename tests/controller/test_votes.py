"""The vote over several trunks, and what follows from it: who wins, when they agree, who is pruned, who gets what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import (
    Ballot,
    InterimVerdict,
    PruningRule,
    StoppingRule,
    StopReason,
    count,
    share_evenly,
)


def same(one, other):
    return one is not None and one == other


def ballots(*said):
    return [Ballot(trunk, value, confidence) for trunk, (value, confidence) in enumerate(said)]


BALLOTS = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", None]), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=8
)


def test_the_value_with_the_most_weight_wins():
    outcome = count(ballots(("1", 0.3), ("1", 0.3), ("2", 0.9)), same)
    assert (outcome.value, outcome.trunk) == ("2", 2)
    assert outcome.consensus == pytest.approx(0.6)
    assert outcome.confidence == pytest.approx(0.3)


def test_a_tie_goes_to_more_trunks_and_then_to_the_lowest():
    assert count(ballots(("1", 1.0), ("2", 0.5), ("2", 0.5)), same).value == "2"
    assert count(ballots(("3", 0.5), ("1", 0.5)), same).value == "3"


def test_the_surest_trunk_stands_for_the_winner():
    assert count(ballots(("1", 0.5), ("2", 0.9), ("1", 0.8)), same).trunk == 2


def test_what_holds_no_value_agrees_with_nothing():
    outcome = count(ballots((None, 1.0), (None, 1.0), ("1", 0.2)), same)
    assert (outcome.value, len(outcome.ballots)) == ("1", 1)
    assert outcome.consensus == pytest.approx(0.2 / 2.2)
    assert len(count(ballots((None, 0.5), (None, 0.6)), same).ballots) == 1


def test_no_confidence_at_all_is_no_consensus():
    assert count(ballots(("1", 0.0), ("1", 0.0)), same).consensus == 0.0


def test_a_vote_needs_a_ballot():
    with pytest.raises(ValueError, match="ballot"):
        count([], same)


@given(BALLOTS, st.randoms())
def test_a_vote_does_not_depend_on_the_order_of_its_ballots(said, random):
    cast = ballots(*said)
    shuffled = random.sample(cast, len(cast))
    assert count(cast, same) == count(shuffled, same)


@given(BALLOTS)
def test_a_vote_counts_each_ballot_once(said):
    outcome = count(ballots(*said), same)
    assert outcome.cast == len(said)
    assert 0 <= outcome.confidence <= outcome.consensus <= 1
    assert [ballot.confidence for ballot in outcome.ballots] == sorted(
        (ballot.confidence for ballot in outcome.ballots), reverse=True
    )


def verdicts(*shares):
    return [InterimVerdict(0.5, stood + 1, consensus=share) for stood, share in enumerate(shares)]


def test_consensus_has_to_stand_for_two_checkpoints():
    rule = StoppingRule(consensus=0.75)
    assert rule(verdicts(0.8)) is None
    assert rule(verdicts(0.8, 0.7)) is None
    assert rule(verdicts(0.7, 0.8)) is None
    assert rule(verdicts(0.8, 0.75)) is StopReason.CONSENSUS
    assert rule([InterimVerdict(0.5, 1, consensus=0.8), InterimVerdict(0.5, 1, consensus=0.8)]) is None, (
        "on another answer"
    )
    assert rule([InterimVerdict(0.9, 3)] * 3) is None, "one trunk has no consensus"


def test_two_trunks_that_are_done_need_no_more_than_a_majority():
    rule = StoppingRule(consensus=0.9)
    assert rule([InterimVerdict(0.5, 1, consensus=0.51, done=2)]) is StopReason.CONSENSUS
    assert rule([InterimVerdict(0.5, 1, consensus=0.51, done=1)]) is None
    assert rule([InterimVerdict(0.5, 1, consensus=0.5, done=2)]) is None, "half is no majority"
    assert StoppingRule(stable=3)([InterimVerdict(0.5, 1, consensus=0.9, done=2)]) is None


def outcomes(*rounds):
    return [count(ballots(*said), same) for said in rounds]


def test_who_stands_against_a_majority_is_pruned():
    against = [("1", 0.9), ("1", 0.9), ("1", 0.9), ("2", 0.9)]
    assert PruningRule(patience=1)(outcomes(against), range(4)) == (3,)
    assert PruningRule(patience=1)(outcomes(against), range(3)) == (), "it is done"
    rule = PruningRule()
    assert rule(outcomes(against), range(4)) == ()
    assert rule(outcomes(against, against), range(4)) == (3,)
    assert rule(outcomes(against, [("1", 0.9)] * 4), range(4)) == ()


def test_who_is_much_less_sure_than_the_others_is_pruned():
    unsure = [("1", 0.9), ("1", 0.9), ("1", 0.9), ("1", 0.2)]
    assert PruningRule()(outcomes(unsure, unsure), range(4)) == (3,)


def test_nobody_is_pruned_where_there_is_no_majority():
    split = [("1", 0.9), ("2", 0.9), ("3", 0.9), ("1", 0.5)]
    assert PruningRule()(outcomes(split, split), range(4)) == ()


@given(st.lists(BALLOTS.filter(lambda said: len(said) == 8), min_size=1, max_size=4), st.integers(0, 8))
def test_pruning_leaves_the_winner_and_so_many_to_think(rounds, least):
    votes = outcomes(*rounds)
    pruned = PruningRule(least=least)(votes, range(8))
    assert len(pruned) <= max(0, 8 - least)
    assert votes[-1].trunk not in pruned


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=9),
    st.integers(0, 400),
    st.integers(50, 120),
)
def test_shares_spend_the_budget_to_the_last_token_and_take_nothing_back(spent, more, most):
    budget = sum(spent) + more
    shares = share_evenly(budget, spent, most)
    assert sum(shares) == min(budget, most * len(spent))
    assert all(had <= share <= most for had, share in zip(spent, shares, strict=True))
    grown = [share for had, share in zip(spent, shares, strict=True) if share > had]
    assert not grown or max(grown) - min(grown) <= 1
    assert all(had >= min(grown) - 1 for had, share in zip(spent, shares, strict=True) if share == had and grown)


def test_a_new_budget_is_shared_out_evenly_the_first_ones_first():
    assert share_evenly(7, [0] * 4, 100) == (2, 2, 2, 1)


def test_more_spent_than_the_budget_is_an_error():
    with pytest.raises(ValueError, match="spent"):
        share_evenly(3, [2, 2], 10)
