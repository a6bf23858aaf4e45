import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller.load import AccuracyCurve, Claim, grants

CURVE = AccuracyCurve({0: 0.1, 100: 0.6, 200: 0.8, 400: 0.82})

claims = st.builds(
    lambda requested, least, spent: Claim(requested, int(least * requested), int(spent * requested)),
    st.integers(1, 600),
    st.floats(0, 1),
    st.floats(0, 1),
)


def worth(curve, granted):
    return sum(segment.slope * max(0, min(granted, segment.end) - segment.begin) for segment in curve.segments)


@pytest.mark.parametrize(
    ("claim", "scale", "granted"),
    [
        (Claim(400), 1.0, 400),
        (Claim(400), 0.0, 100),
        (Claim(400), 0.5, 250),
        (Claim(400, least=300), 0.0, 300),
        (Claim(400, spent=180), 0.0, 180),
        (Claim(1), 0.0, 1),
        (Claim(0), 0.5, 0),
    ],
)
def test_a_grant_lies_between_the_floor_and_what_was_asked_for(claim, scale, granted):
    assert grants([claim], 0.25, scale) == [granted]


@given(
    asked=st.lists(claims, max_size=12),
    scale=st.floats(0, 1),
    curve=st.sampled_from([None, CURVE, AccuracyCurve({0: 0.6, 12: 0.3, 64: 0.9}), AccuracyCurve({0: 0.9, 9: 0.1})]),
)
def test_nobody_gets_less_than_floor_and_spent_or_more_than_asked_for(asked, scale, curve):
    given_out = grants(asked, 0.25, scale, curve)
    for claim, granted in zip(asked, given_out, strict=True):
        assert max(claim.floor(0.25), claim.spent) <= granted <= claim.requested
    assert sum(given_out) <= sum(grants(asked, 0.25, scale))


@given(asked=st.lists(claims, min_size=1, max_size=12), scale=st.floats(0, 0.99))
def test_by_a_curve_the_same_tokens_buy_no_less(asked, scale):
    plain, by_curve = grants(asked, 0.25, scale), grants(asked, 0.25, scale, CURVE)
    assert sum(worth(CURVE, one) for one in by_curve) >= sum(worth(CURVE, one) for one in plain) - 1e-9


@given(asked=st.lists(claims, max_size=8), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_larger_scale_takes_from_nobody(asked, low, high):
    low, high = sorted((low, high))
    for less, more in zip(grants(asked, 0.25, low), grants(asked, 0.25, high), strict=True):
        assert less <= more


def test_tokens_go_where_they_buy_most():
    # Whoever has 200 has what is worth most.
    assert grants([Claim(400, spent=200), Claim(400)], 0.25, 0.5, CURVE) == [300, 200]
    assert grants([Claim(400, spent=200), Claim(400)], 0.25, 0.25, CURVE) == [200, 175]


def test_a_stretch_is_given_to_its_end_before_another_begins_it():
    dips = AccuracyCurve({0: 0.6, 12: 0.3, 64: 0.9})
    assert grants([Claim(64), Claim(64, spent=40)], 0.25, 0.6, dips) == [24, 64]


def test_with_everything_to_grant_the_curve_decides_nothing():
    assert grants([Claim(1000), Claim(5)], 0.25, 1.0, CURVE) == [1000, 5]


@given(st.dictionaries(st.integers(0, 500), st.floats(0, 1), min_size=2, max_size=9))
def test_a_curve_is_concave_and_never_below_what_was_measured(accuracy):
    curve = AccuracyCurve(accuracy)
    slopes = [segment.slope for segment in curve.segments]
    assert slopes == sorted(slopes, reverse=True)
    assert all(slope > 0 for slope in slopes)
    start = accuracy[min(accuracy)]
    for budget, measured in accuracy.items():
        assert start + worth(curve, budget) >= measured - 1e-9


@pytest.mark.parametrize(("wrong", "match"), [({5: 0.5}, "two budgets"), ({-1: 0.1, 3: 0.4}, "below 0")])
def test_a_curve_that_says_nothing_is_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        AccuracyCurve(wrong)
