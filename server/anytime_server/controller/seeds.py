"""Draws by position: the seed of one token's draw follows from the sample's seed and where the token stands.

Whatever interrupts a generation, what goes on from its tokens then draws as the undisturbed one would have. The mixer
is SplitMix64's (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): its finalizer lets every bit
of the input change every bit of the output. torch's CPU generator reads the lower half of a seed only.
"""

_WORD = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15


def mix(seed: int, position: int) -> int:
    """Return the seed of what is drawn at `position` (tokens before it) under `seed`: 0 <= it < 2**63.

    The seed is scattered first, so that neighbouring seeds (samples have such) are not the same draws moved by one.
    """
    return _scatter(_scatter(seed + _STEP) + position * _STEP) >> 1


def _scatter(word: int) -> int:
    word &= _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)
