"""Tells a run that learns nothing because no answer earns anything."""

from collections.abc import Mapping
from typing import Any

LOST = ("timed_out", "crashed", "failed")
"""Verifications that did not end in a reward, as `Counts` names them."""

PATIENCE = 5
"""Logged steps without any reward before it is said."""


class RewardWatch:
    """Looks at the metrics of each logged step, and speaks once when the rewards have been zero for `PATIENCE` steps.

    It speaks again only after there was a reward in between.
    """

    def __init__(self) -> None:
        self._without = 0

    def observe(self, metrics: Mapping[str, Any]) -> str | None:
        """What there is to say after a step, in one line; None if nothing."""
        reward = metrics.get("anytime_reward")
        if reward is None:
            return None
        self._without = self._without + 1 if reward == 0 else 0
        return _warning(self._without, metrics) if self._without == PATIENCE else None


def _warning(steps: int, metrics: Mapping[str, Any]) -> str:
    lost = {name: metrics.get(f"verifier/{name}", 0) for name in LOST}
    ended = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in lost.items() if count)
    of_the_step = f"; verifications of the last step: {ended}" if ended else ""
    return (
        f"warning: every reward has been 0 for {steps} steps, and nothing is learned from that; compare an answer "
        "(trainer.log_completions: true) with the data's `answer`, and check data.answer_in, reward.verifier, "
        f"reward.strict, instruction and trainer.interim_max_tokens{of_the_step}"
    )
