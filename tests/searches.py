"""How long hypothesis searches: a test whose examples cost more or less than others says so by their number."""

from hypothesis import settings

SUITE_EXAMPLES = 30
"""Of a test that names no number, in a run of the suite."""


def examples(in_the_suite: int) -> int:
    """Return how many examples a test gets under the profile of this run, if it gets so many in the suite's own."""
    return in_the_suite * settings.default.max_examples // SUITE_EXAMPLES
