"""What the host knows of every request slot without asking the device: when a budget can matter at all."""

import numpy as np
import numpy.typing as npt

from anytime_server.engines.vllm.wire import WirePolicy

MAX_LAG = 256
"""Tokens that a scan may lag behind; more would make the windows large."""

NEVER = np.iinfo(np.int64).max


class HostView:
    """Policies by slot, the lengths from which on they can constrain a token, and how far the scan lags behind.

    `forbids` says of the last step whether something may be forbidden in it.
    """

    def __init__(self, slots: int, drafts: int) -> None:
        self._most_new = 1 + drafts
        self.has_policy = np.zeros(slots, dtype=bool)
        self.has_landing = np.zeros(slots, dtype=bool)
        self.forbids = False
        self._wakes = np.full(slots, NEVER)
        self._forbids_from = np.full(slots, NEVER)
        self._lag = np.zeros(slots, dtype=np.int64)

    def enter(self, slot: int, policy: WirePolicy | None, prompt_len: int, prefill_len: int, reach: int) -> None:
        """Note who holds the slot; a request resumed after a preemption has more prefill than prompt.

        The scan begins `reach` tokens before the trunk's end.
        """
        self.has_policy[slot] = policy is not None
        self.has_landing[slot] = policy is not None and policy.landing > 0
        if policy is None:
            return
        start = prompt_len - policy.trunk
        cut = start + policy.budget - policy.landing
        self._wakes[slot] = 0 if policy.min_budget > 0 or policy.cue or policy.closed else cut
        self._forbids_from[slot] = 0 if policy.min_budget > 0 or policy.closed else cut
        self._lag[slot] = prefill_len - prompt_len + min(reach, policy.trunk)

    def step(self, slots: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32]) -> int | None:
        """Return how many tokens to scan in this step at the most; None if no budget can matter in it.

        Args:
            slots: the batch's slots.
            lengths: upper bounds of the tokens before the one to be sampled; exact without speculative decoding.
        """
        live = self.has_policy[slots]
        lag = np.where(live, self._lag[slots], 0)
        awake = live & (self._wakes[slots] <= lengths)
        self.forbids = bool((live & (self._forbids_from[slots] <= lengths)).any())
        window = int(lag.max()) if (awake | (lag > MAX_LAG)).any() else None
        self._lag[slots] = (self._lag[slots] if window is None else 0) + self._most_new
        return window
