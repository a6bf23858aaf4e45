"""Which problems were right: one bit a problem, kept as hex."""

from collections.abc import Sequence


def to_hex(right: Sequence[bool]) -> str:
    """The bits as hex digits, the first problem first; the last digit is filled up with zeros."""
    bits = "".join("1" if one else "0" for one in right)
    padded = bits.ljust(-(-len(bits) // 4) * 4, "0")
    return "".join(f"{int(padded[at : at + 4], 2):x}" for at in range(0, len(padded), 4))


def from_hex(text: str, n: int) -> list[int]:
    """The bits of the first `n` problems, 0 or 1."""
    bits = "".join(f"{int(digit, 16):04b}" for digit in text)
    return [int(bit) for bit in bits[:n]]
