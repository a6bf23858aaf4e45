"""How several trunks share one budget."""

from collections.abc import Sequence


def share_evenly(budget: int, spent: Sequence[int], most: int) -> tuple[int, ...]:
    """Return how many thinking tokens each trunk may have in all, so that they come to the same length.

    The shares add up to `budget`, or fewer where each has `most`. A trunk that is longer already keeps its length, and
    the others share what is left. Of a remainder the first trunks get one token more.

    Args:
        budget: thinking tokens of all trunks together; no fewer than are spent.
        spent: those of each trunk so far, none above `most`.
        most: thinking tokens that one trunk may have.

    Raises:
        ValueError: if more is spent than the budget.
    """
    if budget < sum(spent):
        raise ValueError(f"{sum(spent)} thinking tokens are spent of a budget of {budget}")
    shares, left = list(spent), budget
    longest_first = sorted(range(len(spent)), key=lambda trunk: -spent[trunk])
    for done, trunk in enumerate(longest_first):
        even = -(-left // (len(spent) - done))
        shares[trunk] = min(most, max(spent[trunk], even))
        left -= shares[trunk]
    return tuple(shares)
