import pytest

from loops_parts import cycles


def test_all_cycles_are_closed_in_time() -> None:
    rows = cycles.measure(tries=1, seed=3)
    assert all(row.met for row in rows)
    assert max(row.series.high for row in rows[1:]) == cycles.SLACK


def test_what_is_closed_is_told() -> None:
    row, hits = cycles.left_alone("section", "texts", [range(200), [7] * 40, [1, 2] * 9])
    assert (row.series.median, row.met, hits) == (pytest.approx(2 / 3), False, [1])
