from hypothesis import given
from hypothesis import strategies as st

from anytime_client.protocol import SEEDS
from anytime_server.controller import mix

SEED = st.integers(0, SEEDS - 1 + 64)
POSITION = st.integers(0, 2**24)


@given(SEED, POSITION)
def test_a_mixed_seed_is_one_that_every_engine_takes(seed, position):
    assert 0 <= mix(seed, position) < SEEDS
    assert mix(seed, position) == mix(seed, position)


def test_positions_and_neighbouring_seeds_draw_alike_nowhere():
    """Samples have neighbouring seeds; torch's CPU generator reads the lower 32 bits of a seed."""
    mixed = {mix(seed, position) & 0xFFFFFFFF for seed in range(20) for position in range(200)}
    # 4,000 numbers of 32 bits: one pair that is equal by chance in 500 such tests, and here there is none.
    assert len(mixed) == 4000


@given(SEED, POSITION, st.integers(0, 23))
def test_one_bit_of_the_position_changes_about_half_of_the_lower_bits(seed, position, bit):
    changed = (mix(seed, position) ^ mix(seed, position ^ (1 << bit))) & 0xFFFFFFFF
    assert 3 <= changed.bit_count() <= 29


@given(SEED, POSITION)
def test_a_neighbouring_seed_is_not_the_same_stream_moved_by_one(seed, position):
    assert mix(seed + 1, position) != mix(seed, position + 1)
