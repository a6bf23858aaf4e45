"""The best answer that a session has at any time: the final one once it is whole, before that the latest there is."""

from collections.abc import Callable, Sequence
from functools import partial

from anytime_client.protocol import Answer, CheckpointAnswer
from anytime_server.reasoning.answers.final import AnswerText
from anytime_server.reasoning.plans.plan import Plan


class BestAnswer:
    """Chooses among the final answer, the interim ones, and what an earlier run has answered."""

    def __init__(
        self, plan: Plan, written: Callable[[], AnswerText | None], interims: Sequence[CheckpointAnswer]
    ) -> None:
        """Choose among what is `written` of the final answer, if anybody writes it, and the `interims` as they come."""
        self._plan = plan
        self._written = written
        self._interims = interims
        self._whole: tuple[Answer | None, int] = (None, 0)

    @property
    def is_whole(self) -> bool:
        """Whether the final answer is."""
        written = self._written()
        return written is not None and written.done

    @property
    def settled_for_less(self) -> bool:
        """Whether there is an interim answer to stand for a final one that is not whole."""
        return bool(self._interims) and not self.is_whole

    def keep(self, answer: Answer | None) -> None:
        """Keep the answer of a run that has completed, should a next one not get so far."""
        self._whole = answer, len(self._interims)

    def choose(self, *, completed: bool) -> Answer | None:
        """Return the final answer once it is whole, else the latest interim one or an earlier run's final one."""
        whole, interims_before = self._whole
        if self.is_whole or (completed and not self.settled_for_less):
            return self._final()
        if len(self._interims) > interims_before:
            latest = self._interims[-1]
            return Answer(text=latest.answer, value=latest.value, confidence=latest.confidence)
        return whole or self._final()

    def _final(self) -> Answer | None:
        if (written := self._written()) is None:
            return None
        final = written.answer(partial(self._plan.value_of, short=self._plan.request.answer == "short"))
        return final if final.text or final.finish_reason else None
